import { existsSync, readFileSync } from "node:fs";

const ROOT = "/sys/fs/cgroup";

/** Which limits this host's cgroups can set, by the names that `info` has for them. */
export interface Limits {
  readonly CgroupVersion: "1" | "2";
  readonly MemoryLimit: boolean;
  readonly SwapLimit: boolean;
  readonly KernelMemoryTCP?: boolean;
  readonly CpuCfsPeriod: boolean;
  readonly CpuCfsQuota: boolean;
  readonly CPUShares: boolean;
  readonly CPUSet: boolean;
  readonly PidsLimit: boolean;
  readonly OomKillDisable: boolean;
}

/** What limits there are; the kernel does not change them while it runs. */
export function limits(): Limits {
  return existsSync(`${ROOT}/cgroup.controllers`) ? unified() : legacy();
}

/** cgroup v1: one folder a controller, one file a limit. */
function legacy(): Limits {
  const has = (path: string): boolean => existsSync(`${ROOT}/${path}`);
  return {
    CgroupVersion: "1",
    MemoryLimit: has("memory/memory.limit_in_bytes"),
    SwapLimit: has("memory/memory.memsw.limit_in_bytes"),
    KernelMemoryTCP: has("memory/memory.kmem.tcp.limit_in_bytes"),
    CpuCfsPeriod: has("cpu/cpu.cfs_period_us"),
    CpuCfsQuota: has("cpu/cpu.cfs_quota_us"),
    CPUShares: has("cpu/cpu.shares"),
    CPUSet: has("cpuset/cpuset.cpus"),
    PidsLimit: has("pids/cgroup.procs"),
    OomKillDisable: has("memory/memory.oom_control"),
  };
}

/** cgroup v2: the root's controllers; limits themselves stand in no root. Swap is counted unless booted without. */
function unified(): Limits {
  const controllers = new Set(readFileSync(`${ROOT}/cgroup.controllers`, "utf8").trim().split(" "));
  const cpu = controllers.has("cpu");
  return {
    CgroupVersion: "2",
    MemoryLimit: controllers.has("memory"),
    SwapLimit: controllers.has("memory") && existsSync("/proc/swaps"),
    CpuCfsPeriod: cpu,
    CpuCfsQuota: cpu,
    CPUShares: cpu,
    CPUSet: controllers.has("cpuset"),
    PidsLimit: controllers.has("pids"),
    OomKillDisable: false,
  };
}

/** What is missing, in the words that `docker info` shows. */
export function warnings(found: Limits): string[] {
  const missing: [boolean, string][] = [
    [found.MemoryLimit, "memory limit"],
    [found.SwapLimit, "swap limit"],
    [found.OomKillDisable || found.CgroupVersion === "2", "oom kill disable"],
    [found.CpuCfsQuota, "cpu cfs quota"],
    [found.CpuCfsPeriod, "cpu cfs period"],
    [found.CPUShares, "cpu shares"],
    [found.CPUSet, "cpuset"],
    [found.PidsLimit, "pids limit"],
  ];
  return missing.filter(([there]) => !there).map(([, what]) => `WARNING: No ${what} support`);
}
