import type { HostConfig } from "../api/container_config.ts";
import { invalid } from "../base/errors.ts";
import { type HostFacts, listOf } from "./facts.ts";

/** bytes: what a container's own runtime needs before its first instruction */
const LEAST_MEMORY = 6 * 2 ** 20;

/** moby's verifyPlatformContainerResources: bad limits are refused, those that the kernel lacks are dropped with a warning. */
export function checkLimits(host: HostConfig, facts: HostFacts): { host: HostConfig; warnings: string[] } {
  const result: HostConfig = { ...host };
  const warnings: string[] = [];
  const drop = (able: boolean, fields: readonly (keyof HostConfig)[], warning: string) => {
    if (able || !fields.some((field) => isSet(result[field]))) return;
    for (const field of fields) Object.assign(result, { [field]: EMPTY[field] });
    warnings.push(warning);
  };
  const { can } = facts;
  drop(
    can.memory,
    ["Memory", "MemorySwap"],
    lacks("memory limit capabilities or the cgroup is not mounted", "Limitation"),
  );
  if (can.memory && !can.swap && result.Memory && result.MemorySwap && result.MemorySwap !== -1) {
    result.MemorySwap = -1;
    warnings.push(
      lacks("swap limit capabilities or the cgroup is not mounted", "Memory limited without swap"),
    );
  }
  checkMemory(result);
  drop(
    can.swappiness,
    ["MemorySwappiness"],
    lacks("memory swappiness capabilities or the cgroup is not mounted", "Memory swappiness"),
  );
  drop(can.oomKillDisable, ["OomKillDisable"], lacks("OomKillDisable", "OomKillDisable"));
  if (result.OomKillDisable && !result.Memory)
    warnings.push(
      "OOM killer is disabled for the container, but no memory limit is set, this can result in the system running out of resources.",
    );
  drop(can.pids, ["PidsLimit"], lacks("PIDs limit capabilities or the cgroup is not mounted", "PIDs limit"));
  if ((result.PidsLimit ?? 0) <= 0) result.PidsLimit = null;
  drop(
    can.cpu,
    ["CpuShares", "CpuPeriod", "CpuQuota", "NanoCpus"],
    lacks("CPU limits or the cgroup is not mounted", "CPU limits"),
  );
  checkCpu(result, facts);
  checkCpuset(result, facts);
  drop(can.blkioWeight, ["BlkioWeight"], lacks("Block I/O weight or the cgroup is not mounted", "Weight"));
  drop(
    can.blkioWeight,
    ["BlkioWeightDevice"],
    lacks("Block I/O weight_device or the cgroup is not mounted", "Weight-device"),
  );
  drop(
    can.blkioThrottle,
    ["BlkioDeviceReadBps", "BlkioDeviceWriteBps", "BlkioDeviceReadIOps", "BlkioDeviceWriteIOps"],
    lacks("Block I/O limits or the cgroup is not mounted", "Block I/O limits"),
  );
  if (result.BlkioWeight && (result.BlkioWeight < 10 || result.BlkioWeight > 1000))
    throw invalid("Range of blkio weight is from 10 to 1000");
  return { host: result, warnings };
}

const lacks = (what: string, discarded: string): string =>
  `Your kernel does not support ${what}. ${discarded}${discarded.endsWith("swap") ? "" : " discarded"}.`;

const EMPTY: Partial<HostConfig> = {
  Memory: 0,
  MemorySwap: -1,
  MemorySwappiness: null,
  OomKillDisable: null,
  PidsLimit: null,
  CpuShares: 0,
  CpuPeriod: 0,
  CpuQuota: 0,
  NanoCpus: 0,
  BlkioWeight: 0,
  BlkioWeightDevice: [],
  BlkioDeviceReadBps: [],
  BlkioDeviceWriteBps: [],
  BlkioDeviceReadIOps: [],
  BlkioDeviceWriteIOps: [],
};

const isSet = (value: unknown): boolean =>
  Array.isArray(value) ? value.length > 0 : Boolean(value) && value !== -1;

function checkMemory(host: HostConfig): void {
  const { Memory = 0, MemorySwap = 0, MemoryReservation = 0, MemorySwappiness } = host;
  if (Memory !== 0 && Memory < LEAST_MEMORY) throw invalid("Minimum memory limit allowed is 6MB");
  if (Memory > 0 && MemorySwap > 0 && MemorySwap < Memory)
    throw invalid("Minimum memoryswap limit should be larger than memory limit, see usage");
  if (Memory === 0 && MemorySwap > 0)
    throw invalid("You should always set the Memory limit when using Memoryswap limit, see usage");
  const swappiness = MemorySwappiness ?? -1;
  if (swappiness < -1 || swappiness > 100)
    throw invalid(`Invalid value: ${swappiness}, valid memory swappiness range is 0-100`);
  if (MemoryReservation > 0 && MemoryReservation < LEAST_MEMORY)
    throw invalid("Minimum memory reservation allowed is 6MB");
  if (Memory > 0 && MemoryReservation > 0 && Memory < MemoryReservation)
    throw invalid("Minimum memory limit can not be less than memory reservation limit, see usage");
}

function checkCpu(host: HostConfig, { cpus, can }: HostFacts): void {
  const { NanoCpus = 0, CpuPeriod = 0, CpuQuota = 0, CpuShares = 0 } = host;
  if (NanoCpus !== 0 && CpuPeriod > 0)
    throw invalid("Conflicting options: Nano CPUs and CPU Period cannot both be set");
  if (NanoCpus !== 0 && CpuQuota > 0)
    throw invalid("Conflicting options: Nano CPUs and CPU Quota cannot both be set");
  if (NanoCpus < 0 || NanoCpus > cpus * 1e9)
    throw invalid(`range of CPUs is from 0.01 to ${cpus}.00, as there are only ${cpus} CPUs available`);
  if (CpuShares < 0) throw invalid(`invalid CPU shares (${CpuShares}): value must be a positive integer`);
  if (CpuPeriod !== 0 && (CpuPeriod < 1000 || CpuPeriod > 1_000_000))
    throw invalid("CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)");
  if (CpuQuota > 0 && CpuQuota < 1000) throw invalid("CPU cfs quota can not be less than 1ms (i.e. 1000)");
  const { CpuRealtimeRuntime: runtime = 0, CpuRealtimePeriod: period = 0 } = host;
  if ((runtime || period) && !can.realtime) throw invalid("kernel does not support CPU real-time scheduler");
  if (period && runtime > period)
    throw invalid("cpu real-time runtime cannot be higher than cpu real-time period");
}

function checkCpuset(host: HostConfig, facts: HostFacts): void {
  const check = (list: string | undefined, what: string, name: string, available: string) => {
    if (!list) return;
    let asked: number[];
    try {
      asked = listOf(list);
    } catch (error) {
      throw invalid(`Invalid value ${list} for cpuset ${what}: invalid format: ${list}`, error);
    }
    const there = new Set(listOf(available));
    if (!asked.every((one) => there.has(one)))
      throw invalid(`Requested ${name} are not available - requested ${list}, available: ${available}`);
  };
  check(host.CpusetCpus, "cpus", "CPUs", facts.cpuList);
  check(host.CpusetMems, "mems", "memory nodes", facts.memoryNodes);
}
