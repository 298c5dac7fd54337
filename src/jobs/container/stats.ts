import { readFileSync } from "node:fs";
import type { CpuStats, Stats } from "../../api/containers.ts";
import { ZERO_TIME } from "../../base/units.ts";
import type { Container } from "../../container/container.ts";
import { job } from "../../engine/job.ts";
import type { CgroupStats } from "../../execdriver/driver.ts";
import type { Needs } from "../needs.ts";

type StatsNeeds = Needs<"containers" | "execdriver" | "networks">;

export interface StatsInput {
  name: string;
  /** Absent means yes, as in Docker. */
  stream?: string;
  oneShot?: boolean;
}

const FALSE = ["0", "no", "false", "none"];
const INTERVAL_MS = 1000;

/** One reading a second until the container is removed; or one, which waits for a second sample to compare with unless `oneShot`. */
export const containerStats = job(
  "stats",
  async (m: StatsNeeds, input: StatsInput, io): Promise<AsyncIterable<Stats>> => {
    const container = m.containers.get(input.name);
    const stream = !FALSE.includes((input.stream ?? "").toLowerCase());
    return stream ? readings(m, container, io.signal) : once(m, container, input.oneShot === true, io.signal);
  },
);

async function* readings(m: StatsNeeds, container: Container, signal: AbortSignal): AsyncGenerator<Stats> {
  let last: Stats | undefined;
  while (!signal.aborted && m.containers.find(container.id)) {
    last = await reading(m, container, last);
    yield last;
    await pause(signal);
  }
}

async function* once(
  m: StatsNeeds,
  container: Container,
  oneShot: boolean,
  signal: AbortSignal,
): AsyncGenerator<Stats> {
  const first = await reading(m, container, undefined);
  if (oneShot || !container.running) return yield first;
  await pause(signal);
  if (!signal.aborted) yield await reading(m, container, first);
}

const pause = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, INTERVAL_MS);
    signal.addEventListener("abort", end);
    if (signal.aborted) end();
  });

/** All zero for a container that does not run. */
async function reading(m: StatsNeeds, container: Container, last: Stats | undefined): Promise<Stats> {
  const now = container.process ? await m.execdriver.stats(container.id).catch(() => undefined) : undefined;
  const { pid } = container.state;
  const head = { name: `/${container.name}`, id: container.id };
  if (!now)
    return {
      ...head,
      read: ZERO_TIME,
      preread: ZERO_TIME,
      pids_stats: {},
      blkio_stats: Object.fromEntries(BLKIO.map((key) => [key, null])),
      num_procs: 0,
      storage_stats: {},
      cpu_stats: NO_CPU,
      precpu_stats: NO_CPU,
      memory_stats: {},
    };
  const networks = container.hostConfig.NetworkMode === "host" ? {} : countersOf(m, pid);
  return {
    ...head,
    read: new Date().toISOString().replace("Z", "000000Z"),
    preread: last?.read ?? ZERO_TIME,
    pids_stats: { current: now.pids.current, ...(now.pids.limit ? { limit: now.pids.limit } : {}) },
    blkio_stats: Object.fromEntries(
      BLKIO.map((key) => [key, now.blkio[key] ?? (now.version === 1 ? [] : null)]),
    ),
    num_procs: 0,
    storage_stats: {},
    cpu_stats: cpuOf(now),
    precpu_stats: last?.cpu_stats ?? NO_CPU,
    memory_stats: memoryOf(now),
    ...(Object.keys(networks).length > 0 ? { networks } : {}),
  };
}

/** None for a process that has ended since. */
function countersOf(m: StatsNeeds, pid: number): ReturnType<StatsNeeds["networks"]["counters"]> {
  try {
    return m.networks.counters(pid);
  } catch {
    return {};
  }
}

const BLKIO = [
  "io_service_bytes_recursive",
  "io_serviced_recursive",
  "io_queue_recursive",
  "io_service_time_recursive",
  "io_wait_time_recursive",
  "io_merged_recursive",
  "io_time_recursive",
  "sectors_recursive",
];

const NO_CPU: CpuStats = {
  cpu_usage: { total_usage: 0, usage_in_kernelmode: 0, usage_in_usermode: 0 },
  throttling_data: { periods: 0, throttled_periods: 0, throttled_time: 0 },
};

function cpuOf({ cpu }: CgroupStats): CpuStats {
  const system = systemCpu();
  return {
    cpu_usage: {
      total_usage: cpu.total,
      ...(cpu.percpu ? { percpu_usage: cpu.percpu } : {}),
      usage_in_kernelmode: cpu.kernel,
      usage_in_usermode: cpu.user,
    },
    system_cpu_usage: system.used,
    online_cpus: system.online,
    throttling_data: {
      periods: cpu.periods,
      throttled_periods: cpu.throttled,
      throttled_time: cpu.throttledTime,
    },
  };
}

function memoryOf({ memory }: CgroupStats): Stats["memory_stats"] {
  const total = Number(/^MemTotal:\s+(\d+)/m.exec(readFileSync("/proc/meminfo", "utf8"))?.[1]) * 1024;
  return {
    usage: memory.usage,
    ...(memory.maxUsage === undefined ? {} : { max_usage: memory.maxUsage }),
    stats: memory.stats,
    ...(memory.failcnt ? { failcnt: memory.failcnt } : {}),
    limit: memory.limit !== undefined && memory.limit < total ? memory.limit : total,
  };
}

const NANOS_A_TICK = 1e7;

/** All CPUs' time since boot in nanoseconds (proc_stat(5), its first eight fields), and how many CPUs there are. */
function systemCpu(): { used: number; online: number } {
  const [all = "", ...rest] = readFileSync("/proc/stat", "utf8").split("\n");
  const ticks = all
    .trim()
    .split(/\s+/)
    .slice(1, 9)
    .reduce((sum, field) => sum + Number(field), 0);
  return { used: ticks * NANOS_A_TICK, online: rest.filter((line) => /^cpu\d/.test(line)).length };
}
