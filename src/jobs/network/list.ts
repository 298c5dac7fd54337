import { parseFilters } from "../../api/filters.ts";
import type { NetworkInspect } from "../../api/networks.ts";
import { invalid } from "../../base/errors.ts";
import { job } from "../../engine/job.ts";
import type { Needs } from "../needs.ts";

const FILTERS = ["dangling", "driver", "id", "label", "name", "scope", "type"];
const PREDEFINED = ["bridge", "host", "none"];

export const networkList = job(
  "networks",
  async (m: Needs<"networks">, input: { filters?: string }): Promise<NetworkInspect[]> => {
    const filters = parseFilters(input.filters, FILTERS);
    const types = filters.get("type");
    for (const type of types)
      if (type !== "builtin" && type !== "custom") throw invalid(`invalid filter: 'type'='${type}'`);
    const dangling = filters.has("dangling") ? filters.flag("dangling", false) : undefined;
    return m.networks
      .list()
      .map(({ id }) => m.networks.inspect(id))
      .filter((network) => {
        const builtin = PREDEFINED.includes(network.Name);
        const unused = !builtin && Object.keys(network.Containers).length === 0;
        return (
          filters.exact("driver", network.Driver) &&
          filters.prefix("id", network.Id) &&
          filters.labels("label", network.Labels) &&
          filters.match("name", network.Name) &&
          filters.exact("scope", network.Scope) &&
          (types.length === 0 || types.includes(builtin ? "builtin" : "custom")) &&
          (dangling === undefined || dangling === unused)
        );
      })
      .map((network) => ({ ...network, Containers: {} }));
  },
);

export const networkInspect = job(
  "network_inspect",
  async (
    m: Needs<"networks">,
    input: { name: string; verbose?: boolean; scope?: string },
  ): Promise<NetworkInspect> => m.networks.inspect(input.name),
);
