import type { ContainerCreateBody } from "../api/container_config.ts";
import { containerCreate } from "../api/containers.ts";
import { fs } from "../base/node.ts";
import { type Client, ResponseError } from "../client/client.ts";
import { atLeast, verb } from "./command.ts";
import { type CreateValues, createBody, createFlags } from "./flags/create.ts";
import { withDaemon } from "./oneshot.ts";
import { print, printError } from "./output.ts";
import { parseImageName, pickedName } from "./reference.ts";

/** `create`: everything of `run` but the start. */
export const create = verb({
  usage: "[OPTIONS] IMAGE [COMMAND] [ARG...]",
  about: "Create a new container",
  args: atLeast(1),
  stop: true,
  flags: createFlags,
  run: async ({ flags, args, app }) => {
    const body = createBody(flags, args);
    print(await withDaemon(app, () => createContainer(app.client, flags, body)));
    return 0;
  },
});

const PULL = new Set(["always", "missing", "never"]);

/** Creates the container, pulling its image as `--pull` says; writes the cidfile. Returns the new id. */
export async function createContainer(
  client: Client,
  flags: CreateValues,
  body: ContainerCreateBody,
): Promise<string> {
  if (!PULL.has(flags.pull))
    throw new Error(`invalid pull option: '${flags.pull}': must be one of "always", "missing" or "never"`);
  const image = body.Image!;
  const isId = /^(sha256:)?[0-9a-f]{64}$/.test(image);
  if (!isId) parseImageName(image);
  const cidFile = claimCidFile(flags.cidfile);
  try {
    if (flags.pull === "always" && !isId) await pull(client, flags, image);
    const id = await createOrPull(client, flags, body, isId);
    if (cidFile) fs().writeFileSync(cidFile, id);
    return id;
  } catch (error) {
    if (cidFile) fs().unlinkSync(cidFile);
    throw error;
  }
}

/** Loaded when wanted: drawing progress needs node:tty, 1 ms. */
async function pull(client: Client, flags: CreateValues, image: string): Promise<void> {
  const { pullImage } = await import("./pull.ts");
  await pullImage(client, image, { platform: flags.platform, quiet: flags.quiet, fd: 2 });
}

async function createOrPull(
  client: Client,
  flags: CreateValues,
  body: ContainerCreateBody,
  isId: boolean,
): Promise<string> {
  const input = {
    name: flags.name || undefined,
    platform: flags.platform || process.env.DOCKER_DEFAULT_PLATFORM || undefined,
    body,
  };
  try {
    return say(await client.call(containerCreate, input));
  } catch (error) {
    const missing =
      error instanceof ResponseError && error.status === 404 && /^No such image/.test(error.message);
    if (!missing || isId || flags.pull !== "missing") throw error;
    if (!flags.quiet) printError(`Unable to find image '${pickedName(parseImageName(body.Image!))}' locally`);
    await pull(client, flags, body.Image!);
    return say(await client.call(containerCreate, input));
  }
}

function say({ Id, Warnings }: { Id: string; Warnings?: string[] | null }): string {
  for (const warning of Warnings ?? []) printError(`WARNING: ${warning}`);
  return Id;
}

/** Makes the file before the container, so that two runs never share one. */
function claimCidFile(path: string): string | undefined {
  if (path === "") return undefined;
  try {
    fs().writeFileSync(path, "", { flag: "wx" });
    return path;
  } catch (error) {
    if ((error as { code?: string }).code === "EEXIST")
      throw new Error(
        `container ID file found, make sure the other container isn't running or delete ${path}`,
      );
    throw new Error(`failed to create the container ID file: ${(error as Error).message}`, { cause: error });
  }
}
