import type { Mount } from "../oci/runtime.ts";
import { DEFAULT_MOUNTS } from "./profile.ts";
import type { SpecInput } from "./spec.ts";

/**
 * Docker's own mounts, then those that were asked for, shorter paths first. One that is asked for takes the place of
 * Docker's at the same path, and one at /dev takes all beneath it along.
 */
export function mountsOf(
  input: SpecInput,
  { privileged, writableCgroups }: { privileged: boolean; writableCgroups: boolean },
): Mount[] {
  const asked = input.mounts.map(({ destination, type, source, options }) => ({
    destination,
    type,
    source: type === "tmpfs" ? "tmpfs" : source,
    options: [...options],
  }));
  const taken = new Set(asked.map((mount) => mount.destination));
  const free = ({ destination }: Mount) =>
    !taken.has(destination) && !(taken.has("/dev") && destination.startsWith("/dev/"));
  const defaults = DEFAULT_MOUNTS.map((mount) => {
    const writable = privileged ? ["/sys", "/sys/fs/cgroup"] : writableCgroups ? ["/sys/fs/cgroup"] : [];
    if (!writable.includes(mount.destination)) return { ...mount };
    return { ...mount, options: mount.options?.filter((option) => option !== "ro") };
  });
  const own = [...files(input), ...init(input)].filter(free);
  return [
    ...[...defaults, ...sharedMemory(input)].filter(free),
    ...[...own, ...asked].sort((a, b) => depth(a) - depth(b)),
  ];
}

const depth = ({ destination }: Mount): number => destination.split("/").length;

/** POSIX shared memory lies in the ipc namespace's owner's /dev/shm. */
function sharedMemory({ host, defaults, namespaces }: SpecInput): Mount[] {
  const destination = "/dev/shm";
  if (host.IpcMode === "none" || namespaces.ipc !== undefined) return [];
  if (host.IpcMode === "host")
    return [{ destination, type: "bind", source: "/dev/shm", options: ["rbind", "rprivate"] }];
  const size = host.ShmSize || defaults.shmSize;
  return [
    {
      destination,
      type: "tmpfs",
      source: "shm",
      options: ["nosuid", "noexec", "nodev", "mode=1777", `size=${size}`],
    },
  ];
}

function files({ files: found, host }: SpecInput): Mount[] {
  if (!found) return [];
  const bind = (destination: string, source: string): Mount => ({
    destination,
    type: "bind",
    source,
    options: ["rbind", "rprivate", ...(host.ReadonlyRootfs ? ["ro"] : [])],
  });
  return [
    bind("/etc/resolv.conf", found.resolvConf),
    bind("/etc/hostname", found.hostname),
    bind("/etc/hosts", found.hosts),
  ];
}

function init({ host, init: source, namespaces }: SpecInput): Mount[] {
  if (!host.Init || !source || host.PidMode === "host" || namespaces.pid !== undefined) return [];
  return [{ destination: "/sbin/docker-init", type: "bind", source, options: ["bind", "ro"] }];
}
