import type { HostConfig } from "../../api/container_config.ts";
import type { EndpointSettings, NetworkingConfig } from "../../api/networks.ts";
import { bool, intOr, list, string, type Values } from "../flag.ts";
import { isIP } from "./address.ts";
import { csv } from "./environment.ts";
import { orNothing } from "./process.ts";
import { parsePorts } from "./publish.ts";

export const networkFlags = {
  "add-host": list("", "Add a custom host-to-IP mapping (host:ip)", extraHost),
  dns: list("", "Set custom DNS servers", nameServer),
  "dns-option": list("", "Set DNS options"),
  "dns-search": list("", "Set custom DNS search domains", searchDomain),
  expose: list("", "Expose a port or a range of ports"),
  ip: string("", "IPv4 address (e.g., 172.30.100.104)"),
  ip6: string("", "IPv6 address (e.g., 2001:db8::33)"),
  link: list("", "Add link to another container", link),
  "link-local-ip": list("", "Container IPv4/IPv6 link-local addresses", nameServer),
  "mac-address": string("", "Container MAC address (e.g., 92:d0:c6:0a:29:33)"),
  network: list("", "Connect a container to a network", undefined, "network"),
  "network-alias": list("", "Add network-scoped alias for the container"),
  publish: list("p", "Publish a container's port(s) to the host"),
  "publish-all": bool("P", "Publish all exposed ports to random ports"),
};
/** Docker's old names for the same flags. */
export const networkAliases = {
  net: { ...networkFlags.network, hidden: true as const },
  "net-alias": { ...networkFlags["network-alias"], hidden: true as const },
  "dns-opt": { ...networkFlags["dns-option"], hidden: true as const },
};

function extraHost(text: string): string {
  const at = text.search(/[=:]/);
  if (at <= 0) throw new Error(`bad format for add-host: ${JSON.stringify(text)}`);
  const address = text.slice(at + 1).replace(/^\[(.*)\]$/, "$1");
  if (address !== "host-gateway" && isIP(address) === 0)
    throw new Error(`invalid IP address in add-host: ${JSON.stringify(address)}`);
  return `${text.slice(0, at)}:${address}`;
}

function nameServer(text: string): string {
  if (isIP(text.trim()) === 0) throw new Error(`IP address is not correctly formatted: ${text}`);
  return text.trim();
}

function searchDomain(text: string): string {
  const domain = text.trim();
  if (domain === ".") return domain;
  if (
    !/^(?=.{1,255}$)[\p{L}\p{N}_]([\p{L}\p{N}_-]{0,61}[\p{L}\p{N}_])?(\.[\p{L}\p{N}_]([\p{L}\p{N}_-]{0,61}[\p{L}\p{N}_])?)*\.?$/u.test(
      domain,
    )
  )
    throw new Error(`${text} is not a valid domain`);
  return domain;
}

function link(text: string): string {
  if (text === "") throw new Error("empty string specified for links");
  if (text.split(":").length > 2) throw new Error(`bad format for links: ${text}`);
  return text;
}

type NetworkValues = Values<typeof networkFlags & typeof networkAliases>;

/** One `--network`: a name, or `name=…,alias=…,ip=…`. */
interface Attachment {
  readonly target: string;
  readonly settings: EndpointSettings;
}

const isUserDefined = (mode: string): boolean =>
  !["default", "bridge", "host", "none", ""].includes(mode) && !mode.startsWith("container:");

export function networkConfig(flags: NetworkValues): {
  host: HostConfig;
  networking?: NetworkingConfig;
  exposed?: Record<string, object>;
} {
  const { exposed, bindings } = parsePorts(flags.publish, flags.expose);
  const attachments = [...flags.network, ...flags.net].map(parseAttachment);
  const first = withContainerFlags(attachments[0] ?? { target: "default", settings: {} }, flags);
  const all = [first, ...attachments.slice(1)];
  checkAttachments(all);
  const configured = all.filter((one) => all.length > 1 || Object.keys(one.settings).length > 0);
  return {
    host: {
      NetworkMode: attachments.length > 0 ? first.target : undefined,
      PortBindings: Object.keys(bindings).length > 0 ? bindings : undefined,
      PublishAllPorts: flags["publish-all"] || undefined,
      Dns: orNothing(flags.dns),
      DnsOptions: orNothing([...flags["dns-option"], ...flags["dns-opt"]]),
      DnsSearch: orNothing(flags["dns-search"]),
      ExtraHosts: orNothing(flags["add-host"]),
      Links: orNothing(flags.link),
    },
    exposed: Object.keys(exposed).length > 0 ? exposed : undefined,
    networking:
      configured.length > 0
        ? { EndpointsConfig: Object.fromEntries(configured.map((one) => [one.target, one.settings])) }
        : undefined,
  };
}

function parseAttachment(text: string): Attachment {
  const fields = csv(text);
  if (!text.includes("=") || text.startsWith("container:")) return { target: text, settings: {} };
  let target = "";
  const settings: EndpointSettings = {};
  for (const field of fields) {
    const equals = field.indexOf("=");
    const key = field.slice(0, equals).trim().toLowerCase();
    const value = field.slice(equals + 1).trim();
    if (equals < 0) throw new Error(`invalid key/value pair format in driver options`);
    if (key === "name") target = value;
    else setSetting(settings, key, value, text);
  }
  if (target === "") throw new Error("network name/id is not specified");
  return { target, settings };
}

function setSetting(settings: EndpointSettings, key: string, value: string, text: string): void {
  if (key === "alias") settings.Aliases = [...(settings.Aliases ?? []), value];
  else if (key === "ip") settings.IPAMConfig = { ...settings.IPAMConfig, IPv4Address: value };
  else if (key === "ip6") settings.IPAMConfig = { ...settings.IPAMConfig, IPv6Address: value };
  else if (key === "mac-address") settings.MacAddress = macAddress(value);
  else if (key === "link-local-ip")
    settings.IPAMConfig = {
      ...settings.IPAMConfig,
      LinkLocalIPs: [...(settings.IPAMConfig?.LinkLocalIPs ?? []), value],
    };
  else if (key === "driver-opt") {
    const equals = value.indexOf("=");
    if (equals < 0) throw new Error("invalid key/value pair format in driver options");
    settings.DriverOpts = { ...settings.DriverOpts, [value.slice(0, equals)]: value.slice(equals + 1) };
  } else if (key === "gw-priority") settings.GwPriority = intOr("", "", 0).parse(0, value);
  else throw new Error(`invalid field key ${key} in ${JSON.stringify(text)}`);
}

/** `--ip`, `--network-alias` and their like mean the first network. */
function withContainerFlags({ target, settings }: Attachment, flags: NetworkValues): Attachment {
  const result: EndpointSettings = { ...settings };
  const aliases = [...flags["network-alias"], ...flags["net-alias"]];
  if (aliases.length > 0 && settings.Aliases)
    throw new Error("conflicting options: cannot specify both --network-alias and per-network alias");
  if (aliases.length > 0) result.Aliases = aliases;
  if (flags.link.length > 0 && isUserDefined(target)) result.Links = flags.link;
  const ipam = {
    ...settings.IPAMConfig,
    ...(flags.ip && { IPv4Address: flags.ip }),
    ...(flags.ip6 && { IPv6Address: flags.ip6 }),
    ...(flags["link-local-ip"].length > 0 && { LinkLocalIPs: flags["link-local-ip"] }),
  };
  if (Object.keys(ipam).length > 0) result.IPAMConfig = ipam;
  if (flags["mac-address"]) result.MacAddress = macAddress(flags["mac-address"]);
  return { target, settings: result };
}

function macAddress(text: string): string {
  if (!/^([0-9a-fA-F]{2}[:-]){5}[0-9a-fA-F]{2}$/.test(text.trim()))
    throw new Error(`${text} is not a valid mac address`);
  return text.trim();
}

function checkAttachments(all: readonly Attachment[]): void {
  const seen = new Set<string>();
  for (const { target, settings } of all) {
    if (settings.Aliases?.length && !isUserDefined(target))
      throw new Error("network-scoped aliases are only supported for user-defined networks");
    if (seen.has(target)) throw new Error(`network ${JSON.stringify(target)} is specified multiple times`);
    seen.add(target);
    if (all.length > 1 && !isUserDefined(target) && target !== "bridge" && target !== "default")
      throw new Error(
        "conflicting options: cannot attach both user-defined and non-user-defined network-modes",
      );
  }
}
