import { existsSync, writeFileSync } from "node:fs";
import { EngineError, invalid } from "../base/errors.ts";
import type { Resources } from "../oci/runtime.ts";
import { errorCode } from "./cgroup_tree.ts";

/**
 * Writes the limits that are named, and no others. The words of config.json are cgroup v1's; their meaning in v2 is
 * runc's (docs/cgroup-v2.md): swappiness and the OOM killer's switch have none and are passed over. Throws EngineErrors.
 */
export function applyV2(directory: string, resources: Resources): void {
  for (const [file, value] of [
    ...memoryOf(resources.memory ?? {}),
    ...cpuOf(resources.cpu ?? {}),
    ...(resources.pids?.limit ? [["pids.max", maximum(resources.pids.limit)] as const] : []),
    ...ioOf(directory, resources.blockIO ?? {}),
    ...(resources.hugepageLimits ?? []).map((huge) => [`hugetlb.${huge.pageSize}.max`, huge.limit] as const),
    ...Object.entries(resources.unified ?? {}).map(unifiedOf),
  ])
    if (value !== undefined) put(`${directory}/${file}`, String(value));
}

type Setting = readonly [file: string, value: string | number | undefined];

const maximum = (value: number): string | number => (value > 0 ? value : "max");

function memoryOf(memory: NonNullable<Resources["memory"]>): Setting[] {
  if (memory.kernel) throw invalid("kernel memory limits are not supported by cgroup v2");
  const limit = memory.limit ? maximum(memory.limit) : undefined;
  return [
    ["memory.swap.max", swapOf(memory)],
    ["memory.max", limit],
    ["memory.low", memory.reservation ? maximum(memory.reservation) : undefined],
  ];
}

/** v1 limits memory and swap together, v2 swap alone. */
function swapOf({ limit, swap }: NonNullable<Resources["memory"]>): string | number | undefined {
  if (!swap) return limit === -1 ? "max" : undefined;
  if (swap === -1) return "max";
  if (!limit || limit < 0) throw invalid("unable to set swap limit without memory limit");
  if (swap < limit) throw invalid("memory+swap limit should be >= memory limit");
  return swap - limit;
}

function cpuOf(cpu: NonNullable<Resources["cpu"]>): Setting[] {
  if (cpu.realtimeRuntime || cpu.realtimePeriod)
    throw invalid("realtime cpu limits are not supported by cgroup v2");
  const { quota, period } = cpu;
  // one of the two alone keeps the other: the kernel takes a quota without period, and a period needs a quota before it
  const limit = quota ? maximum(quota) : period ? "max" : undefined;
  return [
    ["cpu.weight", cpu.shares ? cpuWeight(cpu.shares) : undefined],
    ["cpu.max", limit === undefined ? undefined : period ? `${limit} ${period}` : limit],
    ["cpuset.cpus", cpu.cpus || undefined],
    ["cpuset.mems", cpu.mems || undefined],
  ];
}

/** 2…262144 to 1…10000 by the curve through 1024 → 100 (opencontainers/cgroups ConvertCPUSharesToCgroupV2Value). */
export function cpuWeight(shares: number): number {
  if (shares <= 2) return 1;
  if (shares >= 262144) return 10000;
  const log = Math.log2(shares);
  return Math.ceil(10 ** ((log * log + 125 * log) / 612 - 7 / 34));
}

function ioOf(directory: string, io: NonNullable<Resources["blockIO"]>): Setting[] {
  const bfq = existsSync(`${directory}/io.bfq.weight`);
  const weight = bfq ? "io.bfq.weight" : "io.weight";
  const scaled = (value: number) => (bfq ? value : 1 + Math.floor(((value - 10) * 9999) / 990));
  const settings: Setting[] = [];
  if (io.weight) settings.push([weight, scaled(io.weight)]);
  for (const one of io.weightDevice ?? [])
    settings.push([weight, `${one.major}:${one.minor} ${scaled(one.weight)}`]);
  for (const [key, devices] of [
    ["rbps", io.throttleReadBpsDevice],
    ["wbps", io.throttleWriteBpsDevice],
    ["riops", io.throttleReadIOPSDevice],
    ["wiops", io.throttleWriteIOPSDevice],
  ] as const)
    for (const { major, minor, rate } of devices ?? [])
      settings.push(["io.max", `${major}:${minor} ${key}=${rate === 0 ? "max" : rate}`]);
  return settings;
}

function unifiedOf([file, value]: [string, string]): Setting {
  if (file.includes("/") || !file.includes("."))
    throw invalid(`invalid unified resource "${file}": must be a file name`);
  return [file, value];
}

function put(file: string, value: string): void {
  try {
    writeFileSync(file, value, { flag: "r+" });
  } catch (error) {
    const code = errorCode(error);
    // without swap in the kernel there is nothing to limit
    if (code === "ENOENT" && file.endsWith("/memory.swap.max") && (value === "0" || value === "max")) return;
    throw new EngineError(
      code === "EINVAL" || code === "ERANGE" || code === "ENOENT" ? "invalid" : "internal",
      `failed to write ${JSON.stringify(value)} to ${file}: ${code}`,
      { cause: error },
    );
  }
}
