import { networkList } from "../api/networks.ts";
import { shortId } from "../base/id.ts";
import { exactly, verb } from "./command.ts";
import { encodeFilters, filterFlag } from "./filters.ts";
import { bool, string } from "./flag.ts";
import { FORMAT_HELP, goTime, labelField, labelsText } from "./human.ts";
import { print } from "./output.ts";
import { printListing } from "./table.ts";

const HEADERS = {
  ID: "NETWORK ID",
  Name: "NAME",
  Driver: "DRIVER",
  Scope: "SCOPE",
  IPv4: "IPV4",
  IPv6: "IPV6",
  Internal: "INTERNAL",
  Labels: "LABELS",
  CreatedAt: "CREATED AT",
};

export const ls = verb({
  usage: "[OPTIONS]",
  about: "List networks",
  args: exactly(0),
  flags: {
    filter: filterFlag('Provide filter values (e.g. "driver=bridge")'),
    format: string("", FORMAT_HELP),
    "no-trunc": bool("", "Do not truncate the output"),
    quiet: bool("q", "Only display network IDs"),
  },
  run: async ({ flags, client }) => {
    const networks = await client.call(networkList, { filters: encodeFilters(flags.filter) });
    const rows = networks
      .sort((a, b) => a.Name.localeCompare(b.Name, "en", { numeric: true }))
      .map((network) => ({
        get CreatedAt() {
          return goTime(new Date(network.Created));
        },
        Driver: network.Driver,
        ID: flags["no-trunc"] ? network.Id : shortId(network.Id),
        IPv4: String(network.EnableIPv4),
        IPv6: String(network.EnableIPv6),
        Internal: String(network.Internal),
        Label: labelField(network.Labels),
        Labels: labelsText(network.Labels),
        Name: network.Name,
        Scope: network.Scope,
      }));
    if (flags.quiet && flags.format === "") {
      for (const row of rows) print(row.ID);
      return 0;
    }
    const table = "{{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.Scope}}";
    printListing({ type: "network.networkContext", headers: HEADERS, table, rows }, flags.format);
    return 0;
  },
});
