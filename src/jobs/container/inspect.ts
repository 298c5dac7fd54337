import type { HostConfig } from "../../api/container_config.ts";
import type { ContainerInspect, NetworkSettings } from "../../api/containers.ts";
import type { Container } from "../../container/container.ts";
import { mountPoint } from "../../container/mounts.ts";
import { MASKED_PATHS, READONLY_PATHS } from "../../container/profile.ts";
import { job } from "../../engine/job.ts";
import type { Needs } from "../needs.ts";
import { networkSettings } from "./network.ts";
import { sizesOf } from "./sizes.ts";

type InspectNeeds = Needs<"containers" | "networks" | "layers" | "images">;

/** The whole of one container. */
export const containerInspect = job(
  "container_inspect",
  async (m: InspectNeeds, input: { name: string; size?: boolean }): Promise<ContainerInspect> => {
    const container = m.containers.get(input.name);
    const { record, state } = container;
    const began = !container.neverStarted;
    const file = (name: string) => (began ? `${record.dir}/${name}` : "");
    const execs = m.containers.execsOf(container).filter(({ exitCode }) => exitCode === null);
    return {
      Id: record.id,
      Created: record.created,
      Path: record.path,
      Args: [...record.args],
      State: {
        Status: container.status,
        Running: state.running,
        Paused: state.paused,
        Restarting: state.restarting,
        OOMKilled: state.oomKilled,
        Dead: state.dead,
        Pid: state.pid,
        ExitCode: state.exitCode,
        Error: state.error,
        StartedAt: state.startedAt,
        FinishedAt: state.finishedAt,
      },
      Image: record.image,
      ResolvConfPath: file("resolv.conf"),
      HostnamePath: file("hostname"),
      HostsPath: file("hosts"),
      LogPath: began && container.hostConfig.LogConfig?.Type === "json-file" ? container.logPath : "",
      Name: `/${record.name}`,
      RestartCount: state.restartCount,
      Driver: m.layers.driverName,
      Platform: "linux",
      MountLabel: "",
      ProcessLabel: "",
      AppArmorProfile: "",
      ExecIDs: execs.length > 0 ? execs.map(({ id }) => id) : null,
      HostConfig: hostConfigOf(record.hostConfig),
      GraphDriver: { Data: m.layers.graphData(record.id), Name: m.layers.driverName },
      ...(input.size ? await sizesOf(m, container) : {}),
      Mounts: record.mounts.map(mountPoint),
      Config: record.config,
      NetworkSettings: settingsOf(m, container),
    };
  },
);

/** What is hidden when nothing else was asked for. */
const PATHS = { MaskedPaths: [...MASKED_PATHS], ReadonlyPaths: [...READONLY_PATHS] };

const NO_PATHS = { MaskedPaths: null, ReadonlyPaths: null };

const hostConfigOf = (host: HostConfig): HostConfig => ({
  ...host,
  ...WINDOWS,
  MaskedPaths: host.MaskedPaths ?? (host.Privileged ? NO_PATHS : PATHS).MaskedPaths,
  ReadonlyPaths: host.ReadonlyPaths ?? (host.Privileged ? NO_PATHS : PATHS).ReadonlyPaths,
});

/** Clients of typed languages read them. */
const WINDOWS = { CpuCount: 0, CpuPercent: 0, IOMaximumIOps: 0, IOMaximumBandwidth: 0 };

/** The fields of the first network stand once more beside the map, as old clients read them there. */
function settingsOf(m: InspectNeeds, container: Container): NetworkSettings {
  const { Networks, Ports, SandboxID, SandboxKey } = networkSettings(m, container);
  const first = Networks.bridge;
  return {
    Bridge: "",
    SandboxID,
    SandboxKey,
    Ports,
    HairpinMode: false,
    LinkLocalIPv6Address: "",
    LinkLocalIPv6PrefixLen: 0,
    SecondaryIPAddresses: null,
    SecondaryIPv6Addresses: null,
    EndpointID: first?.EndpointID ?? "",
    Gateway: first?.Gateway ?? "",
    GlobalIPv6Address: first?.GlobalIPv6Address ?? "",
    GlobalIPv6PrefixLen: first?.GlobalIPv6PrefixLen ?? 0,
    IPAddress: first?.IPAddress ?? "",
    IPPrefixLen: first?.IPPrefixLen ?? 0,
    IPv6Gateway: first?.IPv6Gateway ?? "",
    MacAddress: first?.MacAddress ?? "",
    Networks,
  };
}
