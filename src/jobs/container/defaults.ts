import type { ContainerConfig, HostConfig } from "../../api/container_config.ts";
import { hostFacts } from "../../container/facts.ts";
import { validateHostConfig } from "../../container/validate.ts";
import type { Needs } from "../needs.ts";

/** Every field as Docker shows it when nobody asked for it. */
const EMPTY: HostConfig = {
  Binds: null,
  ContainerIDFile: "",
  LogConfig: { Type: "json-file", Config: {} },
  NetworkMode: "bridge",
  PortBindings: null,
  RestartPolicy: { Name: "no", MaximumRetryCount: 0 },
  AutoRemove: false,
  VolumeDriver: "",
  VolumesFrom: null,
  ConsoleSize: [0, 0],
  CapAdd: null,
  CapDrop: null,
  Dns: null,
  DnsOptions: null,
  DnsSearch: null,
  ExtraHosts: null,
  GroupAdd: null,
  IpcMode: "private",
  Cgroup: "",
  Links: null,
  OomScoreAdj: 0,
  PidMode: "",
  Privileged: false,
  PublishAllPorts: false,
  ReadonlyRootfs: false,
  SecurityOpt: null,
  UTSMode: "",
  UsernsMode: "",
  Runtime: "runc",
  Isolation: "",
  CpuShares: 0,
  Memory: 0,
  NanoCpus: 0,
  CgroupParent: "",
  BlkioWeight: 0,
  BlkioWeightDevice: null,
  BlkioDeviceReadBps: null,
  BlkioDeviceWriteBps: null,
  BlkioDeviceReadIOps: null,
  BlkioDeviceWriteIOps: null,
  CpuPeriod: 0,
  CpuQuota: 0,
  CpuRealtimePeriod: 0,
  CpuRealtimeRuntime: 0,
  CpusetCpus: "",
  CpusetMems: "",
  Devices: null,
  DeviceCgroupRules: null,
  DeviceRequests: null,
  MemoryReservation: 0,
  MemorySwap: 0,
  MemorySwappiness: null,
  OomKillDisable: false,
  PidsLimit: null,
  Ulimits: null,
};

/**
 * What was asked of the host, checked, with the daemon's settings and Docker's defaults where nothing was asked; and what
 * Docker warns of. A container whose network is named is stored with that container's id. Throws in Docker's words.
 */
export function normalHost(
  m: Needs<"host" | "containers">,
  config: ContainerConfig,
  asked: HostConfig,
): { hostConfig: HostConfig; warnings: string[] } {
  const { settings } = m.host;
  const given: HostConfig = Object.fromEntries(
    Object.entries(asked).filter(([, value]) => value !== undefined && value !== null),
  );
  if (given.Memory && !given.MemorySwap) given.MemorySwap = given.Memory * 2;
  const { host, warnings } = validateHostConfig(given, config);
  const ownCgroup = hostFacts().cgroup === 2 && !host.Privileged;
  const hostConfig: HostConfig = {
    ...EMPTY,
    ...host,
    CgroupnsMode: host.CgroupnsMode || (ownCgroup ? "private" : "host"),
    IpcMode: host.IpcMode || "private",
    LogConfig: logConfig(host, settings),
    NetworkMode: networkMode(m, host.NetworkMode),
    RestartPolicy: {
      Name: host.RestartPolicy?.Name || "no",
      MaximumRetryCount: host.RestartPolicy?.MaximumRetryCount ?? 0,
    },
    Runtime: host.Runtime || "runc",
    ShmSize: host.ShmSize || settings.defaultShmSize,
  };
  return { hostConfig, warnings: [...warnings] };
}

function logConfig(asked: HostConfig, settings: Needs<"host">["host"]["settings"]): HostConfig["LogConfig"] {
  const type = asked.LogConfig?.Type || settings.logDriver || "json-file";
  const inherited = type === settings.logDriver ? settings.logOptions : {};
  return { Type: type, Config: { ...inherited, ...asked.LogConfig?.Config } };
}

function networkMode(m: Needs<"containers">, asked: string | undefined): string {
  if (!asked || asked === "default") return "bridge";
  if (!asked.startsWith("container:")) return asked;
  const other = m.containers.find(asked.slice("container:".length));
  return other ? `container:${other.id}` : asked;
}
