import type { HostConfig } from "../../api/container_config.ts";
import { parseSize } from "../../base/units.ts";
import { custom, type Flag, int, list, string, type Values } from "../flag.ts";
import { cgroupRule, deviceMapping, deviceRate, deviceSize, deviceWeight, gpuRequest } from "./devices.ts";
import { orNothing } from "./process.ts";
import { parseUlimit } from "./ulimit.ts";

const size = (short: string, help: string, unlimited = false): Flag<number | undefined> =>
  custom<number | undefined>(short, "bytes", help, undefined, (_, text) =>
    unlimited && text === "-1" ? -1 : parseSize(text),
  );

/** Processors as a decimal or a fraction, to 1e-9 of one. */
export function parseCpus(text: string): number {
  const found = /^([-+]?\d*\.?\d+)(?:\/(\d+))?$/.exec(text);
  if (!found) throw new Error(`failed to parse ${text} as a rational number`);
  const nanos = (Number(found[1]) / Number(found[2] ?? 1)) * 1e9;
  if (Math.abs(nanos - Math.round(nanos)) > 1e-3) throw new Error("value is too precise");
  return Math.round(nanos);
}

/** What it may use. */
export const resourceFlags = {
  "blkio-weight": int("", "Block IO (relative weight), between 10 and 1000, or 0 to disable"),
  "blkio-weight-device": list("", "Block IO weight (relative device weight)", check(deviceWeight)),
  "cpu-period": int("", "Limit CPU CFS (Completely Fair Scheduler) period"),
  "cpu-quota": int("", "Limit CPU CFS (Completely Fair Scheduler) quota"),
  "cpu-rt-period": int("", "Limit CPU real-time period in microseconds"),
  "cpu-rt-runtime": int("", "Limit CPU real-time runtime in microseconds"),
  "cpu-shares": int("c", "CPU shares (relative weight)"),
  cpus: custom<number | undefined>("", "decimal", "Number of CPUs", undefined, (_, text) => parseCpus(text)),
  "cpuset-cpus": string("", "CPUs in which to allow execution (0-3, 0,1)"),
  "cpuset-mems": string("", "MEMs in which to allow execution (0-3, 0,1)"),
  device: list("", "Add a host device to the container"),
  "device-cgroup-rule": list("", "Add a rule to the cgroup allowed devices list", cgroupRule),
  "device-read-bps": list("", "Limit read rate (bytes per second) from a device", check(deviceSize)),
  "device-read-iops": list("", "Limit read rate (IO per second) from a device", check(deviceRate)),
  "device-write-bps": list("", "Limit write rate (bytes per second) to a device", check(deviceSize)),
  "device-write-iops": list("", "Limit write rate (IO per second) to a device", check(deviceRate)),
  gpus: list("", "GPU devices to add to the container ('all' to pass all GPUs)", undefined, "gpu-request"),
  memory: size("m", "Memory limit"),
  "memory-reservation": size("", "Memory soft limit"),
  "memory-swap": size("", "Swap limit equal to memory plus swap: '-1' to enable unlimited swap", true),
  "memory-swappiness": int("", "Tune container memory swappiness (0 to 100)"),
  "pids-limit": int("", "Tune container pids limit (set -1 for unlimited)"),
  "shm-size": size("", "Size of /dev/shm"),
  ulimit: list("", "Ulimit options", check(parseUlimit), "ulimit"),
};

/** Reads the text to see that it can be read; the value is made when the body is. */
function check(read: (text: string) => unknown): (text: string) => string {
  return (text) => {
    read(text);
    return text;
  };
}

export function resourceConfig(flags: Values<typeof resourceFlags>): HostConfig {
  const { devices, requests } = deviceMappings(flags.device);
  return {
    BlkioWeight: flags["blkio-weight"],
    BlkioWeightDevice: orNothing(flags["blkio-weight-device"].map(deviceWeight)),
    BlkioDeviceReadBps: orNothing(flags["device-read-bps"].map(deviceSize)),
    BlkioDeviceWriteBps: orNothing(flags["device-write-bps"].map(deviceSize)),
    BlkioDeviceReadIOps: orNothing(flags["device-read-iops"].map(deviceRate)),
    BlkioDeviceWriteIOps: orNothing(flags["device-write-iops"].map(deviceRate)),
    CpuPeriod: flags["cpu-period"],
    CpuQuota: flags["cpu-quota"],
    CpuRealtimePeriod: flags["cpu-rt-period"],
    CpuRealtimeRuntime: flags["cpu-rt-runtime"],
    CpuShares: flags["cpu-shares"],
    NanoCpus: flags.cpus,
    CpusetCpus: flags["cpuset-cpus"] || undefined,
    CpusetMems: flags["cpuset-mems"] || undefined,
    Devices: orNothing(devices),
    DeviceCgroupRules: orNothing(flags["device-cgroup-rule"]),
    DeviceRequests: orNothing([...requests, ...flags.gpus.map(gpuRequest)]),
    Memory: flags.memory,
    MemoryReservation: flags["memory-reservation"],
    MemorySwap: flags["memory-swap"],
    MemorySwappiness: flags["memory-swappiness"] === -1 ? undefined : flags["memory-swappiness"],
    PidsLimit: flags["pids-limit"],
    ShmSize: flags["shm-size"],
    Ulimits: orNothing(flags.ulimit.map(parseUlimit)),
  };
}

/** `vendor.com/class=name` is a CDI device, which is a request; everything else names a device node. */
function deviceMappings(texts: readonly string[]) {
  const isCdi = (text: string) => /^[A-Za-z0-9.-]+\/[A-Za-z0-9_.-]+=[A-Za-z0-9_.:-]+$/.test(text);
  const cdi = texts.filter(isCdi);
  return {
    devices: texts.filter((text) => !isCdi(text)).map(deviceMapping),
    requests: cdi.length > 0 ? [{ Driver: "cdi", DeviceIDs: cdi }] : [],
  };
}
