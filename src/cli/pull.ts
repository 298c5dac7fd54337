import { readFileSync } from "node:fs";
import { imageCreate } from "../api/images.ts";
import type { Client } from "../client/client.ts";
import { showProgress } from "./progress.ts";
import { parseImageName, pickedName } from "./reference.ts";

export interface PullOptions {
  readonly platform?: string;
  readonly quiet?: boolean;
  readonly allTags?: boolean;
  /** Where the progress goes. */
  readonly fd: 1 | 2;
}

/** Pulls `image` and shows how it goes. Returns its whole name. Throws with the engine's or the stream's error. */
export async function pullImage(client: Client, image: string, options: PullOptions): Promise<string> {
  const name = parseImageName(image);
  const lines = await client.call(imageCreate, {
    fromImage: name.familiar,
    tag: options.allTags ? undefined : (name.digest ?? name.tag ?? "latest"),
    platform: options.platform || process.env.DOCKER_DEFAULT_PLATFORM,
    auth: registryAuth(name.full),
    body: nothing(),
  });
  await showProgress(lines, options.fd, options.quiet);
  return pickedName(name, name.full);
}

/** Credentials from `config.json` of Docker's client, as X-Registry-Auth wants them; undefined when there are none. */
export function registryAuth(fullName: string): string | undefined {
  const domain = fullName.slice(0, fullName.indexOf("/"));
  const key = domain === "docker.io" ? "https://index.docker.io/v1/" : domain;
  const folder = process.env.DOCKER_CONFIG ?? `${process.env.HOME ?? "/root"}/.docker`;
  let auths: Record<string, { auth?: string; identitytoken?: string }>;
  try {
    auths = JSON.parse(readFileSync(`${folder}/config.json`, "utf8")).auths ?? {};
  } catch {
    return undefined; // no file is the usual case; a broken one must not stop an anonymous pull
  }
  const entry = auths[key] ?? auths[`https://${domain}`];
  if (!entry?.auth) return undefined;
  const [username, ...password] = Buffer.from(entry.auth, "base64").toString().split(":");
  const identity = entry.identitytoken ? { identitytoken: entry.identitytoken } : {};
  const record = { username, password: password.join(":"), serveraddress: key, ...identity };
  return Buffer.from(JSON.stringify(record)).toString("base64").replaceAll("+", "-").replaceAll("/", "_");
}

/** A pull has no body; the endpoint has one for `import`. */
async function* nothing(): AsyncGenerator<Uint8Array> {}
