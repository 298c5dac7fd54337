import { existsSync } from "node:fs";
import type { ContainerConfig, HostConfig } from "../../api/container_config.ts";
import { EngineError, invalid } from "../../base/errors.ts";
import { type AskedMount, parseBind, parseMount, parseTmpfs } from "../../container/binds.ts";
import type { Needs } from "../needs.ts";

/** Binds, mounts, those of other containers and the image's volumes; each destination once. Docker's order of who wins. */
export function mountsOf(m: Needs<"containers">, config: ContainerConfig, host: HostConfig): AskedMount[] {
  if (host.VolumeDriver && host.VolumeDriver !== "local")
    throw new EngineError(
      "not_found",
      `error looking up volume plugin ${host.VolumeDriver}: plugin ${JSON.stringify(host.VolumeDriver)} not found`,
    );
  const mounts = new Map<string, AskedMount>();
  for (const from of host.VolumesFrom ?? [])
    for (const mount of borrowed(m, from)) mounts.set(mount.destination, mount);
  const own = [
    ...(host.Binds ?? []).map(parseBind),
    ...(host.Mounts ?? []).map((mount) => parseMount(mount, existsSync)),
  ];
  const tmpfs = Object.entries(host.Tmpfs ?? {}).map(
    ([path, options]) => parseTmpfs(path, options).destination,
  );
  const seen = new Set<string>();
  for (const destination of [...own.map((mount) => mount.destination), ...tmpfs]) {
    if (seen.has(destination)) throw invalid(`Duplicate mount point: ${destination}`);
    seen.add(destination);
  }
  for (const mount of own) mounts.set(mount.destination, mount);
  for (const path of Object.keys(config.Volumes ?? {})) {
    const volume = { ...parseBind(path), mode: "" };
    if (!mounts.has(volume.destination) && !seen.has(volume.destination))
      mounts.set(volume.destination, volume);
  }
  return [...mounts.values()];
}

/** `--volumes-from name[:ro|rw]` */
function borrowed(m: Needs<"containers">, from: string): AskedMount[] {
  const [name = "", mode = ""] = from.split(":");
  if (name === "")
    throw invalid(
      "malformed volumes-from specification: volumes-from specification cannot be an empty string",
    );
  if (mode && !["ro", "rw", "z", "Z"].includes(mode)) throw invalid(`invalid mode for volumes-from: ${mode}`);
  const container = m.containers.find(name);
  if (!container) throw invalid(`No such container: ${name}`);
  return container.record.mounts
    .filter((mount) => mount.type !== "tmpfs")
    .map((mount) =>
      mode === "ro"
        ? {
            ...mount,
            writable: false,
            options: mount.options.map((option) => (option === "rw" ? "ro" : option)),
          }
        : mount,
    );
}
