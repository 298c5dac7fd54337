import type { NetworkSettings } from "../../api/containers.ts";
import type { EndpointSettings } from "../../api/networks.ts";
import { conflict, EngineError, internal, messageOf } from "../../base/errors.ts";
import type { Container } from "../../container/container.ts";
import type { Sandbox } from "../../network/store.ts";
import type { Needs } from "../needs.ts";
import { publishRequests } from "./ports.ts";

type NetworkNeeds = Needs<"containers" | "networks" | "events" | "log">;

/**
 * Gives the container its place on its network, with its ports; says so. Nothing is left when it fails. The sandbox's
 * namespace is the caller's to close.
 */
export async function joinNetwork(m: NetworkNeeds, container: Container): Promise<Sandbox> {
  const { config, hostConfig, record } = container;
  const mode = hostConfig.NetworkMode!;
  const target = mode.startsWith("container:") ? donor(m, mode.slice("container:".length)) : undefined;
  try {
    const sandbox = await m.networks.join({
      container: container.id,
      name: container.name,
      hostname: config.Hostname ?? "",
      mode,
      networkDisabled: config.NetworkDisabled,
      settings: record.endpoints[mode],
      aliases: record.endpoints[mode]?.Aliases ?? undefined,
      ports: publishRequests(config, hostConfig),
      target,
    });
    tell(m, container, "connect");
    return sandbox;
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    const prefix = "failed to set up container networking: ";
    throw new EngineError(error.code, prefix + error.message.replace(prefix, ""), { cause: error });
  }
}

/** The container whose network namespace is shared. */
function donor(m: NetworkNeeds, name: string): { pid: number } {
  const other = m.containers.find(name);
  if (!other) throw internal(`joining network namespace of container: No such container: ${name}`);
  if (other.state.restarting)
    throw conflict(`container ${other.id} is restarting: wait until the container is running`);
  if (!other.running)
    throw conflict(
      `cannot join network namespace of a non running container: container ${other.name} is ${other.status}`,
    );
  return { pid: other.state.pid };
}

/** Gives ports and addresses back; says so. Does not throw: what cannot be given back now is found at the next start of the daemon. */
export async function leaveNetworks(m: NetworkNeeds, container: Container): Promise<void> {
  try {
    tell(m, container, "disconnect");
    await m.networks.leave(container.id);
  } catch (error) {
    m.log.error("network not left", { container: container.id, error: messageOf(error) });
  }
}

/** One event a network that the container is on now. */
function tell(m: NetworkNeeds, container: Container, action: "connect" | "disconnect"): void {
  for (const [name, settings] of Object.entries(m.networks.settings(container.id).networks)) {
    if (!settings.NetworkID || !settings.EndpointID) continue;
    m.events.emit("network", action, settings.NetworkID, {
      container: container.id,
      name,
      type: m.networks.get(settings.NetworkID).driver,
    });
  }
}

const NO_ENDPOINT: EndpointSettings = {
  IPAMConfig: null,
  Links: null,
  Aliases: null,
  MacAddress: "",
  DriverOpts: null,
  GwPriority: 0,
  NetworkID: "",
  EndpointID: "",
  Gateway: "",
  IPAddress: "",
  IPPrefixLen: 0,
  IPv6Gateway: "",
  GlobalIPv6Address: "",
  GlobalIPv6PrefixLen: 0,
  DNSNames: null,
};

/** What inspect and list show of a container's networks: as asked while it does not run, as they are while it does. */
export function networkSettings(
  m: Needs<"networks">,
  container: Container,
): Pick<NetworkSettings, "Networks" | "Ports" | "SandboxID" | "SandboxKey"> {
  const { networks, ports, sandboxId } = m.networks.settings(container.id);
  const shown: Record<string, EndpointSettings> = {};
  for (const [name, asked] of Object.entries(container.record.endpoints))
    shown[name] = { ...NO_ENDPOINT, ...asked, ...networks[name] };
  for (const [name, settings] of Object.entries(networks)) shown[name] ??= { ...NO_ENDPOINT, ...settings };
  const exposed = Object.keys(sandboxId ? (container.config.ExposedPorts ?? {}) : {});
  return {
    Networks: shown,
    Ports: { ...Object.fromEntries(exposed.map((port) => [port, null])), ...ports },
    SandboxID: sandboxId,
    SandboxKey: sandboxId && container.running ? `/proc/${container.state.pid}/ns/net` : "",
  };
}
