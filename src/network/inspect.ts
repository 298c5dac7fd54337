import type { EndpointSettings, NetworkInspect } from "../api/networks.ts";
import type { EndpointRecord, NetworkFacts } from "../networkdriver/driver.ts";
import type { NetworkRecord } from "./store.ts";

/** Networks and endpoints as Docker's API shows them. */

export function inspectOf(
  { id, name, driver, created }: NetworkRecord,
  { subnet, gateway, range, options }: NetworkFacts,
  members: readonly EndpointRecord[],
): NetworkInspect {
  const pool = subnet ? [{ Subnet: subnet, ...(range ? { IPRange: range } : {}), Gateway: gateway }] : null;
  return {
    Name: name,
    Id: id,
    Created: created,
    Scope: "local",
    Driver: driver,
    EnableIPv4: true,
    EnableIPv6: false,
    IPAM: { Driver: "default", Options: null, Config: pool },
    Internal: false,
    Attachable: false,
    Ingress: false,
    ConfigFrom: { Network: "" },
    ConfigOnly: false,
    Containers: Object.fromEntries(members.map((member) => [member.container, memberOf(member)])),
    Options: { ...options },
    Labels: {},
  };
}

const memberOf = (member: EndpointRecord): NetworkInspect["Containers"][string] => ({
  Name: member.name,
  EndpointID: member.id,
  MacAddress: member.mac ?? "",
  IPv4Address: member.address ? `${member.address}/${member.prefix}` : "",
  IPv6Address: "",
});

export const settingsOf = (endpoint: EndpointRecord): EndpointSettings => ({
  IPAMConfig: null,
  Links: null,
  Aliases: null,
  MacAddress: endpoint.mac ?? "",
  DriverOpts: null,
  GwPriority: 0,
  NetworkID: endpoint.network,
  EndpointID: endpoint.id,
  Gateway: endpoint.gateway ?? "",
  IPAddress: endpoint.address ?? "",
  IPPrefixLen: endpoint.prefix ?? 0,
  IPv6Gateway: "",
  GlobalIPv6Address: "",
  GlobalIPv6PrefixLen: 0,
  DNSNames: null,
});

export function portsOf({ ports }: EndpointRecord): Record<string, { HostIp: string; HostPort: string }[]> {
  const shown: Record<string, { HostIp: string; HostPort: string }[]> = {};
  for (const { proto, containerPort, hostIp, hostPort } of ports) {
    const key = `${containerPort}/${proto}`;
    shown[key] ??= [];
    shown[key].push({ HostIp: hostIp, HostPort: String(hostPort) });
  }
  return shown;
}
