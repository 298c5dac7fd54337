import { containerInspect } from "../api/containers.ts";
import { imageInspect } from "../api/images.ts";
import { networkInspect } from "../api/networks.ts";
import { volumeInspect } from "../api/volumes.ts";
import { type Client, ResponseError } from "../client/client.ts";
import { atLeast, type Context, verb } from "./command.ts";
import { ExitError, wordsOf } from "./exit.ts";
import { bool, string } from "./flag.ts";
import { print, printRaw } from "./output.ts";
import { type Missing, missingKey, Template } from "./template/evaluate.ts";
import { TemplateError } from "./template/lex.ts";
import { goJson } from "./template/print.ts";

type Look = (client: Client, name: string, size?: true) => Promise<object>;

const LOOKS: Readonly<Record<string, Look>> = {
  container: (client, name, size) => client.call(containerInspect, { name, size }),
  image: (client, name) => client.call(imageInspect, { name }),
  network: (client, name) => client.call(networkInspect, { name }),
  volume: (client, name) => client.call(volumeInspect, { name }),
};

const format = string(
  "f",
  "Format output using a custom template:\n'json': Print in JSON format\n'TEMPLATE': Print output using the given Go template",
);
const size = bool("s", "Display total file sizes");

export const inspect = verb({
  usage: "[OPTIONS] NAME|ID [NAME|ID...]",
  about: "Return low-level information on Docker objects",
  args: atLeast(1),
  flags: { format, size, type: string("", "Only inspect objects of the given type") },
  run: ({ flags, args, client }) => {
    const named = LOOKS[flags.type];
    if (named) return show(args, flags.format, (name) => named(client, name, flags.size || undefined));
    if (flags.type !== "")
      throw new Error(
        `unknown type: ${JSON.stringify(flags.type)}: must be one of ${Object.keys(LOOKS)
          .map((type) => JSON.stringify(type))
          .join(", ")}`,
      );
    return show(args, flags.format, (name) => first(client, name, flags.size || undefined));
  },
});

/** The first kind of thing that has this name. */
async function first(client: Client, name: string, size?: true): Promise<object> {
  for (const look of Object.values(LOOKS))
    try {
      return await look(client, name, size);
    } catch (error) {
      const absent = error instanceof ResponseError && (error.status === 404 || error.status === 400);
      if (!absent) throw error;
    }
  throw new ExitError(1, `Error: No such object: ${name}`);
}

const SOME = (what: string) => `[OPTIONS] ${what} [${what}...]`;
const about = (what: string) => `Display detailed information on one or more ${what}s`;
const looking =
  (look: Look) =>
  ({ flags, args, client }: Context<{ format: typeof format }>) =>
    show(args, flags.format, (name) => look(client, name));

export const containerVerb = verb({
  usage: SOME("CONTAINER"),
  about: about("container"),
  args: atLeast(1),
  flags: { format, size },
  run: ({ flags, args, client }) =>
    show(args, flags.format, (name) => LOOKS.container!(client, name, flags.size || undefined)),
});
export const imageVerb = verb({
  usage: SOME("IMAGE"),
  about: about("image"),
  args: atLeast(1),
  flags: { format },
  run: looking(LOOKS.image!),
});
export const networkVerb = verb({
  usage: SOME("NETWORK"),
  about: about("network"),
  args: atLeast(1),
  flags: { format },
  run: looking(LOOKS.network!),
});
export const volumeVerb = verb({
  usage: SOME("VOLUME"),
  about: about("volume"),
  args: atLeast(1),
  flags: { format },
  run: looking(LOOKS.volume!),
});

/** Prints what was found, then tells what was not. Resolves with 1 when something was not. */
async function show(
  names: readonly string[],
  template: string,
  look: (name: string) => Promise<object>,
): Promise<number> {
  const found: object[] = [];
  const failed: string[] = [];
  for (const name of names)
    try {
      found.push(await look(name));
    } catch (error) {
      failed.push(wordsOf(error));
    }
  if (template === "") print(found.length > 0 ? goJson(found, "    ") : "[]");
  else if (template === "json") print(`[${found.map((one) => goJson(one)).join(",")}]`);
  else showEach(found, template);
  if (failed.length > 0) throw new ExitError(1, failed.join("\n"));
  return 0;
}

function showEach(found: readonly object[], text: string): void {
  let out = "";
  try {
    const template = new Template(text, optionalOrMissing);
    for (const one of found) out += `${template.run(one)}\n`;
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    printRaw(`${out}\n`);
    throw new Error(`template parsing error: ${error.message}`, { cause: error });
  }
  printRaw(out === "" ? "\n" : out);
}

/** Fields that the engine leaves out when they are empty: in Go's structs they exist all the same. */
const OPTIONAL: Readonly<Record<string, unknown>> = {
  Annotations: null,
  ExposedPorts: null,
  Health: null,
  Healthcheck: null,
  ImageManifestDescriptor: null,
  Init: null,
  MacAddress: "",
  Mounts: null,
  OnBuild: null,
  Shell: null,
  SizeRootFs: null,
  SizeRw: null,
  StopSignal: "",
  StopTimeout: null,
  StorageOpt: null,
  Sysctls: null,
  Tmpfs: null,
  Variant: "",
  Volumes: null,
};

const optionalOrMissing: Missing = (name, data) =>
  Object.hasOwn(OPTIONAL, name) ? OPTIONAL[name] : missingKey(name, data);
