import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from "node:fs";
import { EngineError, invalid } from "../base/errors.ts";
import type { Resources, Throttle } from "../oci/runtime.ts";
import { errorCode } from "./cgroup_tree.ts";
import { deviceLine, devicePolicy } from "./devices.ts";

/** The directory of one controller, undefined where it is not mounted. */
type Directory = (controller: string) => string | undefined;

/**
 * Writes the limits that are named, and no others: a new cgroup's files hold the defaults. `fresh`: device rules too, which
 * are set once. Sources: runtime-spec config-linux.md "Control groups", cgroup-v1/*.rst. Throws EngineErrors.
 */
export function applyV1(directory: Directory, resources: Resources, fresh: boolean): void {
  const write = (controller: string, file: string, value: number | string | undefined) => {
    if (value === undefined) return;
    const where = directory(controller);
    if (!where) throw invalid(`cgroup controller ${controller} is not mounted: cannot set ${file}`);
    put(`${where}/${file}`, String(value));
  };
  if (resources.unified && Object.keys(resources.unified).length)
    throw invalid("unified cgroup settings need cgroup v2");
  applyMemory(write, resources.memory ?? {}, directory("memory"));
  applyCpu(write, resources.cpu ?? {}, directory("cpu"), fresh);
  if (resources.pids?.limit)
    write("pids", "pids.max", resources.pids.limit > 0 ? resources.pids.limit : "max");
  applyBlkio(write, resources.blockIO ?? {});
  for (const { pageSize, limit } of resources.hugepageLimits ?? [])
    write("hugetlb", `hugetlb.${pageSize}.limit_in_bytes`, limit);
  if (fresh) applyDevices(directory("devices")!, resources);
}

type Write = (controller: string, file: string, value: number | string | undefined) => void;

/** memory.memsw may never be below memory.limit, so a raise begins with memsw and a cut with limit. */
function applyMemory(
  write: Write,
  memory: NonNullable<Resources["memory"]>,
  directory: string | undefined,
): void {
  if (memory.kernel) throw invalid("kernel memory limits are not supported by this kernel");
  const limit = memory.limit || undefined;
  const swap = memory.swap || undefined;
  const steps: [string, number | undefined][] = [
    ["memory.limit_in_bytes", limit],
    ["memory.memsw.limit_in_bytes", swap],
  ];
  if (swap !== undefined && directory) {
    const before = Number(readFileSync(`${directory}/memory.limit_in_bytes`, "utf8"));
    const ceiling = Number(readFileSync(`${directory}/memory.memsw.limit_in_bytes`, "utf8"));
    if ((limit === undefined ? before : limit === -1 ? Infinity : limit) > ceiling || swap === -1)
      steps.reverse();
  }
  for (const [file, value] of steps) write("memory", file, value);
  write("memory", "memory.soft_limit_in_bytes", memory.reservation || undefined);
  write("memory", "memory.swappiness", memory.swappiness);
  if (memory.disableOOMKiller) write("memory", "memory.oom_control", 1);
}

function applyCpu(
  write: Write,
  cpu: NonNullable<Resources["cpu"]>,
  directory: string | undefined,
  fresh: boolean,
): void {
  write("cpu", "cpu.shares", cpu.shares || undefined);
  const period: [string, number | undefined] = ["cpu.cfs_period_us", cpu.period || undefined];
  const quota: [string, number | undefined] = ["cpu.cfs_quota_us", cpu.quota || undefined];
  // quota/period may at no time exceed the parent's: a longer period goes first, a shorter one last
  const longer = fresh || !directory || cpu.period === undefined || cpu.period > currentPeriod(directory);
  for (const [file, value] of longer ? [period, quota] : [quota, period]) write("cpu", file, value);
  write("cpu", "cpu.rt_period_us", cpu.realtimePeriod || undefined);
  write("cpu", "cpu.rt_runtime_us", cpu.realtimeRuntime || undefined);
  write("cpuset", "cpuset.cpus", cpu.cpus || undefined);
  write("cpuset", "cpuset.mems", cpu.mems || undefined);
}

const currentPeriod = (directory: string): number =>
  Number(readFileSync(`${directory}/cpu.cfs_period_us`, "utf8"));

function applyBlkio(write: Write, io: NonNullable<Resources["blockIO"]>): void {
  const weights = { weight: "blkio.bfq.weight", weightDevice: "blkio.bfq.weight_device" };
  write("blkio", weights.weight, io.weight || undefined);
  for (const { major, minor, weight } of io.weightDevice ?? [])
    write("blkio", weights.weightDevice, `${major}:${minor} ${weight}`);
  const throttles: [string, Throttle[] | undefined][] = [
    ["read_bps", io.throttleReadBpsDevice],
    ["write_bps", io.throttleWriteBpsDevice],
    ["read_iops", io.throttleReadIOPSDevice],
    ["write_iops", io.throttleWriteIOPSDevice],
  ];
  for (const [name, devices] of throttles)
    for (const { major, minor, rate } of devices ?? [])
      write("blkio", `blkio.throttle.${name}_device`, `${major}:${minor} ${rate}`);
}

/** A new cgroup has its parent's rules: all is allowed unless the parent says otherwise. One rule a write. */
function applyDevices(directory: string, resources: Resources): void {
  const policy = devicePolicy(resources.devices);
  if (!policy) return;
  if (!policy.allow) put(`${directory}/devices.deny`, "a");
  if (policy.exceptions.length === 0) return;
  const fd = openSync(`${directory}/devices.${policy.allow ? "deny" : "allow"}`, "w");
  try {
    for (const exception of policy.exceptions) writeSync(fd, deviceLine(exception));
  } finally {
    closeSync(fd);
  }
}

function put(file: string, value: string): void {
  try {
    writeFileSync(file, value);
  } catch (error) {
    const code = errorCode(error);
    throw new EngineError(
      code === "EINVAL" || code === "ERANGE" ? "invalid" : "internal",
      `failed to write ${JSON.stringify(value)} to ${file}: ${code}`,
      { cause: error },
    );
  }
}
