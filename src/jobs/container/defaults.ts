import { existsSync } from "node:fs";
import type { ContainerConfig, HostConfig } from "../../api/containers.ts";
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

/** A host with only cgroup v2 gives each container its own view of it; on v1 Docker does not. */
const unified = (): boolean => existsSync("/sys/fs/cgroup/cgroup.controllers");

/**
 * What was asked of the host, with the daemon's settings and Docker's defaults where nothing was; and what Docker warns of.
 * A container whose network is named is stored with that container's id.
 */
export function normalHost(
  m: Needs<"host" | "containers">,
  _config: ContainerConfig,
  asked: HostConfig,
): { hostConfig: HostConfig; warnings: string[] } {
  const { settings } = m.host;
  const given = Object.fromEntries(
    Object.entries(asked).filter(([, value]) => value !== undefined && value !== null),
  );
  const hostConfig: HostConfig = {
    ...EMPTY,
    ...given,
    CgroupnsMode: asked.CgroupnsMode || (unified() && !asked.Privileged ? "private" : "host"),
    IpcMode: asked.IpcMode || "private",
    LogConfig: logConfig(asked, settings),
    NetworkMode: networkMode(m, asked.NetworkMode),
    RestartPolicy: {
      Name: asked.RestartPolicy?.Name || "no",
      MaximumRetryCount: asked.RestartPolicy?.MaximumRetryCount ?? 0,
    },
    Runtime: asked.Runtime || "runc",
    ShmSize: asked.ShmSize || settings.defaultShmSize,
  };
  if (hostConfig.Memory && !hostConfig.MemorySwap) hostConfig.MemorySwap = hostConfig.Memory * 2;
  const warnings = hostConfig.OomKillDisable && !hostConfig.Memory ? [OOM_WARNING] : [];
  return { hostConfig, warnings };
}

const OOM_WARNING =
  "OOM killer is disabled for the container, but no memory limit is set, this can result in the system running out of resources.";

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
