import { readFileSync } from "node:fs";
import type { CgroupStats } from "./cgroup.ts";
import { errorCode, keyed } from "./cgroup_tree.ts";

/** USER_HZ: cpuacct.stat counts in hundredths of a second (cpuacct.rst). nanoseconds */
const TICK = 1e7;
/** What memory.limit_in_bytes says when there is none: the most that fits whole pages into 63 bits. */
const UNLIMITED = 2 ** 63 - 4096;

/** Docker's name of each list, and the files that have it: the BFQ scheduler's own, else the throttling layer's. */
const BLKIO: readonly (readonly [string, readonly string[]])[] = [
  ["io_service_bytes_recursive", ["bfq.io_service_bytes_recursive", "throttle.io_service_bytes_recursive"]],
  ["io_serviced_recursive", ["bfq.io_serviced_recursive", "throttle.io_serviced_recursive"]],
  ["io_queue_recursive", ["bfq.io_queued_recursive"]],
  ["io_service_time_recursive", ["bfq.io_service_time_recursive"]],
  ["io_wait_time_recursive", ["bfq.io_wait_time_recursive"]],
  ["io_merged_recursive", ["bfq.io_merged_recursive"]],
  ["io_time_recursive", ["bfq.time_recursive"]],
  ["sectors_recursive", ["bfq.sectors_recursive"]],
];

/** Reads what is mounted; a file that this kernel does not have counts as empty. */
export function statsV1(directory: (controller: string) => string | undefined): CgroupStats {
  const read = (controller: string, file: string): string => {
    const where = directory(controller);
    return where ? textOf(`${where}/${controller}.${file}`) : "";
  };
  const ticks = keyed(read("cpuacct", "stat"));
  const throttling = keyed(read("cpu", "stat"));
  const limit = Number(read("memory", "limit_in_bytes") || UNLIMITED);
  const tasks = read("pids", "max").trim();
  return {
    version: 1,
    cpu: {
      total: Number(read("cpuacct", "usage")),
      user: (ticks.user ?? 0) * TICK,
      kernel: (ticks.system ?? 0) * TICK,
      percpu: read("cpuacct", "usage_percpu").trim().split(/\s+/).filter(Boolean).map(Number),
      periods: throttling.nr_periods ?? 0,
      throttled: throttling.nr_throttled ?? 0,
      throttledTime: throttling.throttled_time ?? 0,
    },
    memory: {
      usage: Number(read("memory", "usage_in_bytes")),
      maxUsage: Number(read("memory", "max_usage_in_bytes")),
      limit: limit < UNLIMITED ? limit : undefined,
      failcnt: Number(read("memory", "failcnt")),
      stats: keyed(read("memory", "stat")),
    },
    pids: {
      current: Number(read("pids", "current")),
      limit: tasks === "" || tasks === "max" ? undefined : Number(tasks),
    },
    blkio: Object.fromEntries(
      BLKIO.map(([name, files]) => [
        name,
        files.map((file) => entries(read("blkio", file))).find((list) => list.length) ?? [],
      ]),
    ),
  };
}

/** `8:0 Read 4096`, and for lists without an operation `8:0 4096`; the closing `Total n` is left out. */
function entries(text: string): CgroupStats["blkio"][string] {
  return [...text.matchAll(/^(\d+):(\d+) (?:(\w+) )?(\d+)$/gm)].map(([, major, minor, op, value]) => ({
    major: Number(major),
    minor: Number(minor),
    op: op ?? "",
    value: Number(value),
  }));
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if (errorCode(error) === "ENOENT" || errorCode(error) === "EOPNOTSUPP") return "";
    throw error;
  }
}
