import type { ContainerConfig, HostConfig } from "../../api/container_config.ts";
import { unsupported } from "../../base/errors.ts";

/** `true`: honoured. A text: refused when it is asked for, with this reason. None is ignored in silence. */
type Fate = true | string;

const WINDOWS = "it is for Windows containers";

/** Each field of `Config`. `fields.test.ts` holds it against the API's own list. */
export const CONFIG_FIELDS: Record<keyof Required<ContainerConfig>, Fate> = {
  Hostname: true,
  Domainname: true,
  User: true,
  AttachStdin: true,
  AttachStdout: true,
  AttachStderr: true,
  ExposedPorts: true,
  Tty: true,
  OpenStdin: true,
  StdinOnce: true,
  Env: true,
  Cmd: true,
  Healthcheck: true,
  ArgsEscaped: WINDOWS,
  Image: true,
  Volumes: true,
  WorkingDir: true,
  Entrypoint: true,
  NetworkDisabled: true,
  MacAddress: true,
  OnBuild: true,
  Labels: true,
  StopSignal: true,
  StopTimeout: true,
  Shell: true,
};

/** Each field of `HostConfig`, cgroup limits too; what `validate.ts` refuses by its value is honoured here. */
export const HOST_FIELDS: Record<keyof Required<HostConfig> | (typeof WINDOWS_FIELDS)[number], Fate> = {
  CpuShares: true,
  Memory: true,
  CgroupParent: true,
  BlkioWeight: true,
  BlkioWeightDevice: true,
  BlkioDeviceReadBps: true,
  BlkioDeviceWriteBps: true,
  BlkioDeviceReadIOps: true,
  BlkioDeviceWriteIOps: true,
  CpuPeriod: true,
  CpuQuota: true,
  CpuRealtimePeriod: true,
  CpuRealtimeRuntime: true,
  CpusetCpus: true,
  CpusetMems: true,
  Devices: true,
  DeviceCgroupRules: true,
  DeviceRequests: "devices of a driver (GPUs) are not supported",
  MemoryReservation: true,
  MemorySwap: true,
  MemorySwappiness: true,
  NanoCpus: true,
  OomKillDisable: true,
  Init: true,
  PidsLimit: true,
  Ulimits: true,
  Binds: true,
  ContainerIDFile: true,
  LogConfig: true,
  NetworkMode: true,
  PortBindings: true,
  RestartPolicy: true,
  AutoRemove: true,
  VolumeDriver: true,
  VolumesFrom: true,
  Mounts: true,
  ConsoleSize: true,
  Annotations: true,
  CapAdd: true,
  CapDrop: true,
  CgroupnsMode: true,
  Dns: true,
  DnsOptions: true,
  DnsSearch: true,
  ExtraHosts: true,
  GroupAdd: true,
  IpcMode: true,
  Cgroup: "joining a container's cgroup is not supported",
  Links: "links are not supported: put both containers on one network",
  OomScoreAdj: true,
  PidMode: true,
  Privileged: true,
  PublishAllPorts: true,
  ReadonlyRootfs: true,
  SecurityOpt: true,
  StorageOpt: true,
  Tmpfs: true,
  UTSMode: true,
  UsernsMode: true,
  ShmSize: true,
  Sysctls: true,
  Runtime: true,
  Isolation: true,
  MaskedPaths: true,
  ReadonlyPaths: true,
  CpuCount: WINDOWS,
  CpuPercent: WINDOWS,
  IOMaximumIOps: WINDOWS,
  IOMaximumBandwidth: WINDOWS,
  KernelMemoryTCP: "the kernel has no such limit any more",
};

const WINDOWS_FIELDS = [
  "CpuCount",
  "CpuPercent",
  "IOMaximumIOps",
  "IOMaximumBandwidth",
  "KernelMemoryTCP",
] as const;

/** Throws `unsupported` for the first field that is asked for and not honoured, with the reason. */
export function refuseFields(config: ContainerConfig, host: HostConfig): void {
  refuse("Config", config, CONFIG_FIELDS);
  if (wantsHealth(config))
    throw unsupported("Config.Healthcheck is not supported: this engine runs no health checks yet");
  refuse("HostConfig", host, HOST_FIELDS);
}

/** A health check of his own; `NONE` takes the image's away, and nothing is the image's. */
const wantsHealth = ({ Healthcheck: health }: ContainerConfig): boolean =>
  !!health?.Test?.[0] && health.Test[0] !== "NONE";

function refuse(where: string, given: object, fates: Readonly<Record<string, Fate>>): void {
  for (const [field, value] of Object.entries(given)) {
    const fate = fates[field];
    if (typeof fate === "string" && isAsked(value))
      throw unsupported(`${where}.${field} is not supported: ${fate}`);
  }
}

/** Clients send every field; an empty one asks for nothing. */
const isAsked = (value: unknown): boolean =>
  typeof value === "object" && value !== null ? Object.keys(value).length > 0 : !!value;
