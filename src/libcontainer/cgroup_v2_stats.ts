import { readFileSync } from "node:fs";
import type { CgroupStats } from "./cgroup.ts";
import { errorCode, keyed } from "./cgroup_tree.ts";

/** cpu.stat counts in microseconds. nanoseconds */
const MICRO = 1000;

/** io.stat's key, Docker's list, Docker's operation. */
const IO: readonly (readonly [string, string, string])[] = [
  ["rbytes", "io_service_bytes_recursive", "read"],
  ["wbytes", "io_service_bytes_recursive", "write"],
  ["rios", "io_serviced_recursive", "read"],
  ["wios", "io_serviced_recursive", "write"],
];

/** Files of controllers that are not enabled count as empty. cgroup-v2.rst "Interface Files". */
export function statsV2(directory: string): CgroupStats {
  const read = (file: string) => textOf(`${directory}/${file}`).trim();
  const limit = (file: string) => (/^\d+$/.test(read(file)) ? Number(read(file)) : undefined);
  const cpu = keyed(read("cpu.stat"));
  const peak = read("memory.peak"); // Linux 5.19
  return {
    version: 2,
    cpu: {
      total: (cpu.usage_usec ?? 0) * MICRO,
      user: (cpu.user_usec ?? 0) * MICRO,
      kernel: (cpu.system_usec ?? 0) * MICRO,
      periods: cpu.nr_periods ?? 0,
      throttled: cpu.nr_throttled ?? 0,
      throttledTime: (cpu.throttled_usec ?? 0) * MICRO,
    },
    memory: {
      usage: Number(read("memory.current")),
      maxUsage: peak ? Number(peak) : undefined,
      limit: limit("memory.max"),
      failcnt: keyed(read("memory.events")).max,
      stats: keyed(read("memory.stat")),
    },
    pids: { current: Number(read("pids.current")), limit: limit("pids.max") },
    blkio: blkioOf(read("io.stat")),
  };
}

/** `8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=0 dios=0` */
function blkioOf(text: string): CgroupStats["blkio"] {
  const lists: Record<string, CgroupStats["blkio"][string]> = {
    io_service_bytes_recursive: [],
    io_serviced_recursive: [],
  };
  for (const [, major, minor, rest] of text.matchAll(/^(\d+):(\d+) (.+)$/gm)) {
    const values = new Map(rest!.split(" ").map((pair) => pair.split("=") as [string, string]));
    for (const [key, list, op] of IO)
      lists[list]!.push({
        major: Number(major),
        minor: Number(minor),
        op,
        value: Number(values.get(key) ?? 0),
      });
  }
  return lists;
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if (errorCode(error) === "ENOENT" || errorCode(error) === "EOPNOTSUPP") return "";
    throw error;
  }
}
