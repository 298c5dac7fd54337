import type { ContainerConfig, ContainerCreateBody, HostConfig, PortBinding } from "./container_config.ts";
import {
  type Answer,
  as,
  bool,
  bytes,
  duplex,
  endpoint,
  type Hijack,
  int,
  json,
  jsonBody,
  later,
  lines,
  none,
  optionalBody,
  text,
} from "./endpoint.ts";
import type { EndpointSettings } from "./networks.ts";

export interface ContainerState {
  Status: "created" | "running" | "paused" | "restarting" | "removing" | "exited" | "dead";
  Running: boolean;
  Paused: boolean;
  Restarting: boolean;
  OOMKilled: boolean;
  Dead: boolean;
  Pid: number;
  ExitCode: number;
  Error: string;
  StartedAt: string;
  FinishedAt: string;
  Health?: object;
}

export interface MountPoint {
  Type: string;
  Name?: string;
  Source: string;
  Destination: string;
  Driver?: string;
  Mode: string;
  RW: boolean;
  Propagation: string;
}

export interface NetworkSettings {
  Bridge: string;
  SandboxID: string;
  SandboxKey: string;
  Ports: Record<string, PortBinding[] | null>;
  HairpinMode: boolean;
  LinkLocalIPv6Address: string;
  LinkLocalIPv6PrefixLen: number;
  SecondaryIPAddresses: null;
  SecondaryIPv6Addresses: null;
  EndpointID: string;
  Gateway: string;
  GlobalIPv6Address: string;
  GlobalIPv6PrefixLen: number;
  IPAddress: string;
  IPPrefixLen: number;
  IPv6Gateway: string;
  MacAddress: string;
  Networks: Record<string, EndpointSettings>;
}

export interface ContainerInspect {
  Id: string;
  Created: string;
  Path: string;
  Args: string[];
  State: ContainerState;
  Image: string;
  ResolvConfPath: string;
  HostnamePath: string;
  HostsPath: string;
  LogPath: string;
  Name: string;
  RestartCount: number;
  Driver: string;
  Platform: string;
  MountLabel: string;
  ProcessLabel: string;
  AppArmorProfile: string;
  ExecIDs: string[] | null;
  HostConfig: HostConfig;
  GraphDriver: { Data: Record<string, string> | null; Name: string };
  SizeRw?: number;
  SizeRootFs?: number;
  Mounts: MountPoint[];
  Config: ContainerConfig;
  NetworkSettings: NetworkSettings;
  ImageManifestDescriptor?: object;
}

export interface Port {
  IP?: string;
  PrivatePort: number;
  PublicPort?: number;
  Type: string;
}

export interface ContainerSummary {
  Id: string;
  Names: string[];
  Image: string;
  ImageID: string;
  Command: string;
  /** seconds since 1970 */
  Created: number;
  Ports: Port[];
  SizeRw?: number;
  SizeRootFs?: number;
  Labels: Record<string, string>;
  State: string;
  Status: string;
  HostConfig: { NetworkMode: string; Annotations?: Record<string, string> };
  NetworkSettings: { Networks: Record<string, EndpointSettings> };
  Mounts: MountPoint[];
}

export interface WaitAnswer {
  StatusCode: number;
  Error?: { Message: string };
}

export interface ExecCreateBody {
  AttachStdin?: boolean;
  AttachStdout?: boolean;
  AttachStderr?: boolean;
  /** height, width */
  ConsoleSize?: [number, number] | null;
  DetachKeys?: string;
  Tty?: boolean;
  Env?: string[] | null;
  Cmd?: string[] | null;
  Privileged?: boolean;
  User?: string;
  WorkingDir?: string;
}

export interface ExecStartBody {
  Detach?: boolean;
  Tty?: boolean;
  ConsoleSize?: [number, number] | null;
}

export interface ExecInspect {
  ID: string;
  Running: boolean;
  ExitCode: number | null;
  ProcessConfig: {
    tty: boolean;
    entrypoint: string;
    arguments: string[];
    privileged: boolean;
    user?: string;
  };
  OpenStdin: boolean;
  OpenStderr: boolean;
  OpenStdout: boolean;
  CanRemove: boolean;
  ContainerID: string;
  DetachKeys: string;
  Pid: number;
}

export interface TopAnswer {
  Titles: string[];
  Processes: string[][];
}

/** One reading of `/stats`; the shape of v1.51's ContainerStatsResponse. */
export interface Stats {
  read: string;
  preread: string;
  name: string;
  id: string;
  num_procs: number;
  pids_stats: { current?: number; limit?: number };
  cpu_stats: CpuStats;
  precpu_stats: CpuStats;
  memory_stats: {
    usage?: number;
    max_usage?: number;
    stats?: Record<string, number>;
    failcnt?: number;
    limit?: number;
  };
  blkio_stats: Record<string, { major: number; minor: number; op: string; value: number }[] | null>;
  networks?: Record<string, Record<string, number>>;
  storage_stats: object;
}

export interface CpuStats {
  cpu_usage: {
    total_usage: number;
    percpu_usage?: number[];
    usage_in_kernelmode: number;
    usage_in_usermode: number;
  };
  system_cpu_usage?: number;
  online_cpus?: number;
  throttling_data: { periods: number; throttled_periods: number; throttled_time: number };
}

const streams = { stdin: bool, stdout: bool, stderr: bool };

export const containerList = endpoint("GET", "/containers/json", {
  query: { all: bool, limit: int, size: bool, filters: text, before: text, since: text },
  answer: json<ContainerSummary[]>(),
});
export const containerCreate = endpoint("POST", "/containers/create", {
  query: { name: text, platform: text },
  body: jsonBody<ContainerCreateBody>(),
  answer: json<{ Id: string; Warnings: string[] }>(201),
});
export const containerInspect = endpoint("GET", "/containers/{name}/json", {
  query: { size: bool },
  answer: json<ContainerInspect>(),
});
export const containerStart = endpoint("POST", "/containers/{name}/start", {
  query: { detachKeys: text },
  answer: none(),
});
export const containerStop = endpoint("POST", "/containers/{name}/stop", {
  query: { timeout: as(int, "t"), signal: text },
  answer: none(),
});
export const containerRestart = endpoint("POST", "/containers/{name}/restart", {
  query: { timeout: as(int, "t"), signal: text },
  answer: none(),
});
export const containerKill = endpoint("POST", "/containers/{name}/kill", {
  query: { signal: text },
  answer: none(),
});
export const containerPause = endpoint("POST", "/containers/{name}/pause", { answer: none() });
export const containerUnpause = endpoint("POST", "/containers/{name}/unpause", { answer: none() });
export const containerRename = endpoint("POST", "/containers/{name}/rename", {
  query: { to: as(text, "name") },
  answer: none(),
});
export const containerWait = endpoint("POST", "/containers/{name}/wait", {
  query: { condition: text },
  answer: later<WaitAnswer>(),
});
export const containerRemove = endpoint("DELETE", "/containers/{name}", {
  query: { volumes: as(bool, "v"), force: bool, link: bool },
  answer: none(),
});
export const containerLogs = endpoint("GET", "/containers/{name}/logs", {
  query: {
    stdout: bool,
    stderr: bool,
    follow: bool,
    since: text,
    until: text,
    timestamps: bool,
    tail: text,
    details: bool,
  },
  answer: bytes(),
});
export const containerAttach = endpoint("POST", "/containers/{name}/attach", {
  query: { ...streams, stream: bool, logs: bool, detachKeys: text },
  answer: duplex(),
});
export const containerResize = endpoint("POST", "/containers/{name}/resize", {
  query: { height: as(int, "h"), width: as(int, "w") },
  answer: none(200),
});
export const containerTop = endpoint("GET", "/containers/{name}/top", {
  query: { psArgs: as(text, "ps_args") },
  answer: json<TopAnswer>(),
});
export const containerStats = endpoint("GET", "/containers/{name}/stats", {
  query: { stream: text, oneShot: as(bool, "one-shot") },
  answer: lines<Stats>(),
});
/** Ours, not Docker's: the steps of the last start and how long each took. */
export const containerTrace = endpoint("GET", "/containers/{name}/trace", {
  answer: json<{ step: string; micros: number }[]>(),
});
export const containerPrune = endpoint("POST", "/containers/prune", {
  query: { filters: text },
  answer: json<{ ContainersDeleted: string[] | null; SpaceReclaimed: number }>(),
});

export const execCreate = endpoint("POST", "/containers/{name}/exec", {
  body: jsonBody<ExecCreateBody>(),
  answer: json<{ Id: string }>(201),
});
/** Nothing but 200 is answered when it starts detached. */
export const execStart = endpoint("POST", "/exec/{id}/start", {
  body: optionalBody<ExecStartBody>(),
  answer: duplex() as Answer<Hijack | undefined>,
});
export const execInspect = endpoint("GET", "/exec/{id}/json", { answer: json<ExecInspect>() });
export const execResize = endpoint("POST", "/exec/{id}/resize", {
  query: { height: as(int, "h"), width: as(int, "w") },
  answer: none(200),
});
