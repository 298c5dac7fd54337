import { type ContainerSummary, containerList, type Port } from "../api/containers.ts";
import { shortId } from "../base/id.ts";
import { humanSize } from "../base/units.ts";
import { exactly, verb } from "./command.ts";
import { encodeFilters, filterFlag } from "./filters.ts";
import { bool, intOr, string } from "./flag.ts";
import { age, ellipsis, FORMAT_HELP, goTime, labelField, labelsText } from "./human.ts";
import { print } from "./output.ts";
import { printListing, type Row } from "./table.ts";

const HEADERS = {
  ID: "CONTAINER ID",
  Names: "NAMES",
  Image: "IMAGE",
  Command: "COMMAND",
  CreatedAt: "CREATED AT",
  RunningFor: "CREATED",
  Ports: "PORTS",
  State: "STATE",
  Status: "STATUS",
  Size: "SIZE",
  Labels: "LABELS",
  Mounts: "MOUNTS",
  LocalVolumes: "LOCAL VOLUMES",
  Networks: "NETWORKS",
  Platform: "PLATFORM",
};
const TABLE = "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}";

export const ps = verb({
  usage: "[OPTIONS]",
  about: "List containers",
  args: exactly(0),
  flags: {
    all: bool("a", "Show all containers (default shows just running)"),
    filter: filterFlag(),
    format: string("", FORMAT_HELP),
    last: intOr("n", "Show n last created containers (includes all states)", -1),
    latest: bool("l", "Show the latest created container (includes all states)"),
    "no-trunc": bool("", "Don't truncate output"),
    quiet: bool("q", "Only display container IDs"),
    size: bool("s", "Display total file sizes"),
  },
  run: async ({ flags, client }) => {
    const last = flags.latest && flags.last === -1 ? 1 : flags.last;
    const containers = await client.call(containerList, {
      all: flags.all || undefined,
      limit: last > 0 ? last : undefined,
      size: flags.size || /\.Size\b|json \.\s*\}/.test(flags.format) || undefined,
      filters: encodeFilters(flags.filter),
    });
    const full = flags["no-trunc"];
    if (flags.quiet && flags.format === "") {
      for (const { Id } of containers) print(full ? Id : shortId(Id));
      return 0;
    }
    const rows = containers.map((container) => containerRow(container, full));
    const table = flags.size ? `${TABLE}\t{{.Size}}` : TABLE;
    printListing({ type: "formatter.ContainerContext", headers: HEADERS, table, rows }, flags.format);
    return 0;
  },
});

function containerRow(container: ContainerSummary, full: boolean): Row {
  const { Id, Labels, Created, SizeRw = 0, SizeRootFs = 0 } = container;
  const command = full ? container.Command : ellipsis(container.Command, 20);
  const mounts = container.Mounts.map((mount) => mount.Name || mount.Source);
  const virtual = SizeRootFs > 0 ? ` (virtual ${humanSize(SizeRootFs, 3)})` : "";
  return {
    Command: JSON.stringify(command),
    get CreatedAt() {
      return goTime(new Date(Created * 1000));
    },
    ID: full ? Id : shortId(Id),
    Image: imageText(container, full),
    Label: labelField(Labels),
    Labels: labelsText(Labels),
    LocalVolumes: String(container.Mounts.filter((mount) => mount.Driver === "local").length),
    Mounts: mounts.map((name) => (full ? name : ellipsis(name, 15))).join(","),
    Names: namesText(container.Names, full),
    Networks: Object.keys(container.NetworkSettings?.Networks ?? {}).join(","),
    Platform: null,
    Ports: portsText(container.Ports),
    RunningFor: age(Created),
    Size: humanSize(SizeRw, 3) + virtual,
    State: container.State,
    Status: container.Status,
  };
}

function imageText({ Image, ImageID }: ContainerSummary, full: boolean): string {
  if (Image === "") return "<no image>";
  if (full) return Image;
  return Image === ImageID || Image === shortId(ImageID) || Image.startsWith("sha256:")
    ? shortId(Image)
    : Image;
}

/** A name with two slashes is a link's. */
function namesText(names: readonly string[], full: boolean): string {
  const plain = names.map((name) => name.replace(/^\//, ""));
  return (full ? plain : plain.filter((name) => !name.includes("/"))).join(",");
}

const joined = (ip: string, port: string | number): string =>
  ip.includes(":") ? `[${ip}]:${port}` : `${ip}:${port}`;

/** `0.0.0.0:8080->80/tcp, 443/tcp`; ports in a row become a range (docker/cli DisplayablePorts). */
export function portsText(given: readonly Port[]): string {
  const ports = [...given].sort(
    (a, b) =>
      a.PrivatePort - b.PrivatePort ||
      compare(a.IP ?? "", b.IP ?? "") ||
      (a.PublicPort ?? 0) - (b.PublicPort ?? 0) ||
      compare(a.Type, b.Type),
  );
  const groups = new Map<string, { port: Port; last: number }>();
  const closed: string[] = [];
  const moved: string[] = [];
  for (const port of ports) {
    if (port.IP && port.PublicPort !== port.PrivatePort) {
      moved.push(`${joined(port.IP, port.PublicPort ?? 0)}->${port.PrivatePort}/${port.Type}`);
      continue;
    }
    const key = `${port.IP ?? ""}/${port.Type}`;
    const group = groups.get(key);
    if (group && port.PrivatePort === group.last + 1) {
      group.last++;
      continue;
    }
    if (group) closed.push(groupText(group));
    groups.set(key, { port, last: port.PrivatePort });
  }
  return [...closed, ...[...groups.values()].map(groupText), ...moved].join(", ");
}

const compare = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

function groupText({ port, last }: { port: Port; last: number }): string {
  const range = port.PrivatePort === last ? String(last) : `${port.PrivatePort}-${last}`;
  return `${port.IP ? `${joined(port.IP, range)}->` : ""}${range}/${port.Type}`;
}
