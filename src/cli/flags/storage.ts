import type { HostConfig } from "../../api/container_config.ts";
import { path } from "../../base/node.ts";
import { list, string, type Values } from "../flag.ts";
import { keyValues } from "./environment.ts";
import { parseMount } from "./mount.ts";
import { orNothing } from "./process.ts";

export const storageFlags = {
  mount: list("", "Attach a filesystem mount to the container", checkMount, "mount"),
  "storage-opt": list("", "Storage driver options for the container"),
  tmpfs: list("", "Mount a tmpfs directory"),
  volume: list("v", "Bind mount a volume"),
  "volume-driver": string("", "Optional volume driver for the container"),
  "volumes-from": list("", "Mount volumes from the specified container(s)"),
};

function checkMount(text: string): string {
  parseMount(text);
  return text;
}

export function storageConfig(flags: Values<typeof storageFlags>): {
  host: HostConfig;
  volumes?: Record<string, object>;
} {
  const binds: string[] = [];
  const volumes: Record<string, object> = {};
  for (const text of flags.volume) {
    const [source, target] = splitVolume(text);
    if (target === undefined) volumes[source] = {};
    else binds.push(`${source}:${target}`);
  }
  return {
    host: {
      Binds: orNothing(binds),
      Mounts: orNothing(flags.mount.map(parseMount)),
      StorageOpt: flags["storage-opt"].length > 0 ? storageOptions(flags["storage-opt"]) : undefined,
      Tmpfs: flags.tmpfs.length > 0 ? tmpfs(flags.tmpfs) : undefined,
      VolumeDriver: flags["volume-driver"] || undefined,
      VolumesFrom: orNothing(flags["volumes-from"]),
    },
    volumes: Object.keys(volumes).length > 0 ? volumes : undefined,
  };
}

/** A bare path is an anonymous volume; a source that starts with a dot is a folder beside the caller. */
function splitVolume(text: string): [source: string, rest?: string] {
  if (text === "") throw new Error("invalid empty volume spec");
  const colon = text.indexOf(":");
  if (colon < 0) return [text];
  const source = text.slice(0, colon);
  if (source === "" || text.endsWith(":") || text.includes("::"))
    throw new Error(`invalid spec: ${text}: empty section between colons`);
  return [source.startsWith(".") ? path().resolve(source) : source, text.slice(colon + 1)];
}

function storageOptions(pairs: readonly string[]): Record<string, string> {
  if (pairs.some((pair) => !pair.includes("="))) throw new Error("invalid storage option");
  return keyValues(pairs);
}

function tmpfs(texts: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    texts.map((text) => {
      const colon = text.indexOf(":");
      return colon < 0 ? [text, ""] : [text.slice(0, colon), text.slice(colon + 1)];
    }),
  );
}
