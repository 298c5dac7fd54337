import { existsSync, lstatSync, readdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import { hostname, release } from "node:os";
import { CAPABILITIES } from "../oci/capabilities.ts";
import type { Device } from "../oci/runtime.ts";

/** What the spec and its checks have to know about this host. Read once; tests pass their own. */
export interface HostFacts {
  readonly cgroup: 1 | 2;
  /** major, minor */
  readonly kernel: readonly [number, number];
  readonly hostname: string;
  /** What we have to give: our own bounding set, which can be less than what the kernel knows (moby's oci/caps). */
  readonly capabilities: readonly string[];
  /** Online CPUs. */
  readonly cpus: number;
  /** As cpuset(7) writes lists: `0-3,7`. */
  readonly cpuList: string;
  readonly memoryNodes: string;
  readonly apparmor: boolean;
  /** Limits that this kernel's cgroups can set. */
  readonly can: {
    readonly memory: boolean;
    readonly swap: boolean;
    readonly swappiness: boolean;
    readonly oomKillDisable: boolean;
    readonly cpu: boolean;
    readonly realtime: boolean;
    readonly cpuset: boolean;
    readonly pids: boolean;
    readonly blkioWeight: boolean;
    readonly blkioThrottle: boolean;
  };
  exists(path: string): boolean;
  /** The device node behind `path`, links followed; a folder gives all beneath it. Undefined when there is nothing. */
  devices(path: string): Device[] | undefined;
}

const CGROUP = "/sys/fs/cgroup";
/** What is made anew in each container's /dev. */
const NOT_THE_HOSTS = new Set(["pts", "shm", "fd", "mqueue", ".lxc", ".lxd-mounts", ".udev"]);

let facts: HostFacts | undefined;

export function hostFacts(): HostFacts {
  facts ??= readFacts();
  return facts;
}

function readFacts(): HostFacts {
  const v2 = existsSync(`${CGROUP}/cgroup.controllers`);
  const cpuList = text("/sys/devices/system/cpu/online") || "0";
  const [major = 0, minor = 0] = release()
    .split(".")
    .map((part) => Number.parseInt(part, 10));
  return {
    cgroup: v2 ? 2 : 1,
    kernel: [major, minor],
    hostname: hostname(),
    capabilities: boundingSet(),
    cpus: listOf(cpuList).length,
    cpuList,
    memoryNodes: text("/sys/devices/system/node/online") || "0",
    apparmor: text("/sys/module/apparmor/parameters/enabled") === "Y",
    can: v2 ? unified() : legacy(),
    exists: existsSync,
    devices: devicesAt,
  };
}

function boundingSet(): string[] {
  const mask = BigInt(`0x${/^CapBnd:\s*([0-9a-f]+)$/m.exec(text("/proc/self/status"))?.[1] ?? "0"}`);
  return CAPABILITIES.filter((_, bit) => (mask >> BigInt(bit)) & 1n);
}

/** cgroup v1: the file of a limit stands in the root too. */
function legacy(): HostFacts["can"] {
  const has = (file: string) => existsSync(`${CGROUP}/${file}`);
  return {
    memory: has("memory/memory.limit_in_bytes"),
    swap: has("memory/memory.memsw.limit_in_bytes"),
    swappiness: has("memory/memory.swappiness"),
    oomKillDisable: has("memory/memory.oom_control"),
    cpu: has("cpu/cpu.cfs_quota_us"),
    realtime: has("cpu/cpu.rt_runtime_us"),
    cpuset: has("cpuset/cpuset.cpus"),
    pids: has("pids/cgroup.procs"),
    blkioWeight: has("blkio/blkio.weight") || has("blkio/blkio.bfq.weight"),
    blkioThrottle: has("blkio/blkio.throttle.read_bps_device"),
  };
}

/** cgroup v2: what the root hands out; swap is counted unless the kernel was told not to. */
function unified(): HostFacts["can"] {
  const has = new Set(text(`${CGROUP}/cgroup.controllers`).split(" "));
  return {
    memory: has.has("memory"),
    swap: has.has("memory") && existsSync("/proc/swaps"),
    swappiness: false,
    oomKillDisable: false,
    cpu: has.has("cpu"),
    realtime: false,
    cpuset: has.has("cpuset"),
    pids: has.has("pids"),
    blkioWeight: has.has("io"),
    blkioThrottle: has.has("io"),
  };
}

function devicesAt(path: string): Device[] | undefined {
  if (!existsSync(path)) return undefined;
  const real = realpathSync(path);
  if (statSync(real).isDirectory()) return walk(real);
  const device = deviceOf(real);
  return device ? [{ ...device, path }] : [];
}

/** Links, sockets and what each container has of its own are left out (moby's `devices.HostDevices`). */
function walk(folder: string): Device[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return NOT_THE_HOSTS.has(entry.name) ? [] : walk(path);
    if (entry.name === "console") return [];
    const device = entry.isCharacterDevice() || entry.isBlockDevice() ? deviceOf(path) : undefined;
    return device ? [device] : [];
  });
}

function deviceOf(path: string): Device | undefined {
  const stat = lstatSync(path);
  if (!stat.isCharacterDevice() && !stat.isBlockDevice()) return undefined;
  // makedev(3): 12 bits of major and 20 of minor, interleaved
  const major = Number((BigInt(stat.rdev) >> 8n) & 0xfffn);
  const minor = Number((BigInt(stat.rdev) & 0xffn) | ((BigInt(stat.rdev) >> 12n) & 0xfff00n));
  return {
    path,
    type: stat.isBlockDevice() ? "b" : "c",
    major,
    minor,
    fileMode: stat.mode & 0o777,
    uid: stat.uid,
    gid: stat.gid,
  };
}

/** `0-2,5` to 0, 1, 2, 5. Throws a RangeError for anything else. */
export function listOf(list: string): number[] {
  return list.split(",").flatMap((part) => {
    const found = /^(\d+)(?:-(\d+))?$/.exec(part.trim());
    const first = Number(found?.[1]);
    const last = Number(found?.[2] ?? first);
    if (!found || last < first || last > 8192) throw new RangeError(`invalid format: ${list}`);
    return Array.from({ length: last - first + 1 }, (_, i) => first + i);
  });
}

function text(path: string): string {
  return existsSync(path) ? readFileSync(path, "utf8").trim() : "";
}
