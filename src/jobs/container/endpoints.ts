import type { ContainerCreateBody } from "../../api/container_config.ts";
import type { EndpointSettings } from "../../api/networks.ts";
import { invalid, unsupported } from "../../base/errors.ts";

type Given = NonNullable<ContainerCreateBody["NetworkingConfig"]>["EndpointsConfig"];

/**
 * The settings of a container's network by the network's name. `mac` is how clients before API 1.44 ask for an address.
 * Throws for more than one network: that wants `network connect`.
 */
export function endpointsOf(mode: string, given: Given, mac = ""): Record<string, EndpointSettings> {
  const named = Object.entries(given ?? {}).map(
    ([name, settings]) => [name === "default" ? "bridge" : name, settings ?? {}] as const,
  );
  if (mode === "none" || mode === "host") return { [mode]: {} };
  if (mode.startsWith("container:")) {
    if (named.length > 0 || mac)
      throw invalid("conflicting options: a container's network takes no settings of another network");
    return {};
  }
  const [other] = named.filter(([name]) => name !== mode);
  if (other)
    throw unsupported(
      `network ${other[0]} besides ${mode}: more than one network at create is not supported`,
    );
  const own = named[0]?.[1] ?? {};
  return { [mode]: mac && !own.MacAddress ? { ...own, MacAddress: mac } : own };
}
