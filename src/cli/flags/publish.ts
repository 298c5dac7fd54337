import type { PortBinding } from "../../api/container_config.ts";
import { isIP } from "./address.ts";

export interface Published {
  readonly exposed: Record<string, object>;
  readonly bindings: Record<string, PortBinding[]>;
}

const PROTOCOLS = new Set(["tcp", "udp", "sctp"]);

/** `-p` and `--expose` to the two maps that the API wants (docker/go-connections nat.ParsePortSpecs). */
export function parsePorts(publish: readonly string[], expose: readonly string[]): Published {
  const exposed: Record<string, object> = {};
  const bindings: Record<string, PortBinding[]> = {};
  for (const text of publish)
    for (const [port, binding] of parsePublish(text)) {
      exposed[port] = {};
      bindings[port] ??= [];
      bindings[port].push(binding);
    }
  for (const text of expose) for (const port of parseExpose(text)) exposed[port] = {};
  return { exposed, bindings };
}

function parsePublish(given: string): [string, PortBinding][] {
  const text = given.includes("=") ? standardNotation(given) : given;
  const slash = text.lastIndexOf("/");
  const protocol = (slash < 0 ? "tcp" : text.slice(slash + 1)).toLowerCase();
  const parts = (slash < 0 ? text : text.slice(0, slash)).split(":");
  const inside = parts.pop()!;
  const outside = parts.pop() ?? "";
  const ip = hostAddress(parts.join(":"));
  if (inside === "") throw new Error(`No port specified: ${text}<empty>`);
  const [start, end] = portRange(inside, "containerPort");
  const [hostStart, hostEnd] = outside === "" ? [undefined, undefined] : portRange(outside, "hostPort");
  if (hostStart !== undefined && end - start !== hostEnd - hostStart && end !== start)
    throw new Error(`Invalid ranges specified for container and host Ports: ${inside} and ${outside}`);
  if (!PROTOCOLS.has(protocol)) throw new Error(`Invalid proto: ${protocol}`);
  return Array.from({ length: end - start + 1 }, (_, index) => {
    const host = hostStart === undefined ? "" : String(hostStart + index);
    const any = start === end && hostStart !== hostEnd ? `${host}-${hostEnd}` : host;
    return [`${start + index}/${protocol}`, { HostIp: ip, HostPort: any }];
  });
}

/** `published=8080,target=80,protocol=tcp` to `8080:80/tcp`. */
function standardNotation(text: string): string {
  const fields: Record<string, string> = { protocol: "tcp" };
  for (const field of text.split(",")) {
    const [key, value, ...more] = field.split("=");
    if (!value || more.length > 0 || !["published", "target", "protocol", "mode"].includes(key!))
      throw new Error(`invalid publish opts format (should be name=value but got '${field}')`);
    fields[key!] = value;
  }
  const { published, target, protocol } = fields;
  return published ? `${published}:${target}/${protocol}` : `${target}/${protocol}`;
}

function hostAddress(text: string): string {
  const bare = /^\[(.*)\]$/.exec(text)?.[1];
  if (bare === undefined && text.includes(":"))
    throw new Error(`Invalid ip address ${text}: address ${text}:: too many colons in address`);
  const ip = bare ?? text;
  if (ip !== "" && isIP(ip) === 0) throw new Error(`Invalid ip address: ${ip}`);
  return ip;
}

function portRange(text: string, what: string): [number, number] {
  const found = /^(\d+)(?:-(\d+))?$/.exec(text);
  const start = Number(found?.[1]);
  const end = Number(found?.[2] ?? found?.[1]);
  if (!found || end < start || end > 65535) throw new Error(`Invalid ${what}: ${text}`);
  return [start, end];
}

function parseExpose(text: string): string[] {
  if (text.includes(":")) throw new Error(`invalid port format for --expose: ${text}`);
  const [ports, protocol = "tcp"] = text.split("/");
  const found = /^(\d+)(?:-(\d+))?$/.exec(ports!);
  const start = Number(found?.[1]);
  const end = Number(found?.[2] ?? found?.[1]);
  if (!found || end < start || end > 65535)
    throw new Error(
      `invalid range format for --expose: ${text}, error: strconv.ParseUint: parsing ${JSON.stringify(ports)}: invalid syntax`,
    );
  return Array.from({ length: end - start + 1 }, (_, index) => `${start + index}/${protocol.toLowerCase()}`);
}
