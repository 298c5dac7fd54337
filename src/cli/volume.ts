import { volumeCreate, volumeList, volumeRemove } from "../api/volumes.ts";
import { atLeast, atMost, exactly, verb } from "./command.ts";
import { forEach } from "./exit.ts";
import { encodeFilters, filterFlag } from "./filters.ts";
import { bool, list, string } from "./flag.ts";
import { keyValues } from "./flags/environment.ts";
import { FORMAT_HELP, labelField, labelsText } from "./human.ts";
import { print } from "./output.ts";
import { printListing } from "./table.ts";

const HEADERS = {
  Name: "VOLUME NAME",
  Driver: "DRIVER",
  Scope: "SCOPE",
  Mountpoint: "MOUNTPOINT",
  Labels: "LABELS",
  Links: "LINKS",
  Size: "SIZE",
  Availability: "AVAILABILITY",
  Group: "GROUP",
  Status: "STATUS",
};

export const ls = verb({
  usage: "[OPTIONS]",
  about: "List volumes",
  args: exactly(0),
  flags: {
    filter: filterFlag('Provide filter values (e.g. "dangling=true")'),
    format: string("", FORMAT_HELP),
    quiet: bool("q", "Only display volume names"),
  },
  run: async ({ flags, client }) => {
    const { Volumes } = await client.call(volumeList, { filters: encodeFilters(flags.filter) });
    const rows = (Volumes ?? [])
      .sort((a, b) => a.Name.localeCompare(b.Name, "en", { numeric: true }))
      .map((volume) => ({
        Availability: "N/A",
        Driver: volume.Driver,
        Group: "N/A",
        Label: labelField(volume.Labels),
        Labels: labelsText(volume.Labels),
        Links: "N/A",
        Mountpoint: volume.Mountpoint,
        Name: volume.Name,
        Scope: volume.Scope,
        Size: "N/A",
        Status: "N/A",
      }));
    if (flags.quiet && flags.format === "") {
      for (const row of rows) print(row.Name);
      return 0;
    }
    const table = "{{.Driver}}\t{{.Name}}";
    printListing({ type: "formatter.volumeContext", headers: HEADERS, table, rows }, flags.format);
    return 0;
  },
});

export const create = verb({
  usage: "[OPTIONS] [VOLUME]",
  about: "Create a volume",
  args: atMost(1),
  flags: {
    driver: string("d", "Specify volume driver name", "local"),
    label: list("", "Set metadata for a volume"),
    name: { ...string("", "Specify volume name"), hidden: true as const },
    opt: list("o", "Set driver specific options", undefined, "map"),
  },
  run: async ({ flags, args, client }) => {
    if (flags.name && args[0])
      throw new Error(
        "conflicting options: cannot specify a volume name through both --name and as a positional arg",
      );
    const body = {
      Name: args[0] ?? (flags.name || undefined),
      Driver: flags.driver,
      DriverOpts: keyValues(flags.opt),
      Labels: keyValues(flags.label),
    };
    print((await client.call(volumeCreate, { body })).Name);
    return 0;
  },
});

export const rm = verb({
  usage: "[OPTIONS] VOLUME [VOLUME...]",
  about: "Remove one or more volumes. You cannot remove a volume that is in use by a container",
  args: atLeast(1),
  flags: { force: bool("f", "Force the removal of one or more volumes") },
  run: ({ flags, args, client }) =>
    forEach(args, (name) => client.call(volumeRemove, { name, force: flags.force || undefined }), print),
});
