import type { ContainerConfig, HostConfig } from "../../api/container_config.ts";
import { hostRange, parsePort } from "../../container/check.ts";
import type { PublishRequest } from "../../network/store.ts";

/**
 * What is to be published: only ports that are exposed (the CLI exposes all that it publishes), each at the bindings asked
 * for, or at any free port with `-P`.
 */
export function publishRequests(config: ContainerConfig, host: HostConfig): PublishRequest[] {
  const bound = new Map(
    Object.entries(host.PortBindings ?? {}).map(([port, to]) => [fullName(port), to ?? []]),
  );
  const requests: PublishRequest[] = [];
  for (const exposed of Object.keys(config.ExposedPorts ?? {})) {
    const { first, last, proto } = parsePort(exposed);
    for (let containerPort = first; containerPort <= last; containerPort++) {
      const bindings = bound.get(`${containerPort}/${proto}`) ?? (host.PublishAllPorts ? [{}] : []);
      for (const { HostIp: hostIp = "", HostPort: hostPort } of bindings) {
        const range = hostPort && hostPort !== "0" ? hostRange(hostPort) : undefined;
        requests.push({
          proto,
          containerPort,
          hostIp,
          hostPort: range?.first ?? 0,
          ...(range && range.last !== range.first ? { hostPortEnd: range.last } : {}),
        });
      }
    }
  }
  return requests;
}

/** `80` is `80/tcp`. */
const fullName = (port: string): string => {
  const { first, proto } = parsePort(port);
  return `${first}/${proto}`;
};
