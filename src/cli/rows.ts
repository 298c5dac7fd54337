import type { LoadedVerb } from "./command.ts";

/** One verb and every name it has: `ps` is also `container ls`, `container list` and `container ps`. */
export interface Row {
  readonly top?: string;
  readonly group?: string;
  readonly names?: readonly string[];
  readonly about: string;
  readonly load: () => Promise<LoadedVerb>;
}

export const GROUPS: Readonly<Record<string, string>> = {
  container: "Manage containers",
  engine: "Ask the engine about itself",
  image: "Manage images",
  network: "Manage networks",
  system: "Manage the engine",
  volume: "Manage volumes",
};

const container = () => import("./container.ts");
const image = () => import("./image.ts");
const system = () => import("./system.ts");
const volume = () => import("./volume.ts");

/** In its group a verb has its top-level name unless `names` says otherwise. */
const row = (
  top: string | undefined,
  group: string | undefined,
  names: readonly string[] | undefined,
  about: string,
  load: () => Promise<LoadedVerb>,
): Row => ({ top, group, names: names ?? (top ? [top] : []), about, load });

const C = "container";
const I = "image";

// biome-ignore format: a table
export const ROWS: readonly Row[] = [
  row("run", C, undefined, "Create and run a new container from an image", () => import("./run.ts").then((m) => m.run)),
  row("exec", C, undefined, "Execute a command in a running container", () => import("./exec.ts").then((m) => m.exec)),
  row("ps", C, ["ls", "list", "ps"], "List containers", () => import("./ps.ts").then((m) => m.ps)),
  row("create", C, undefined, "Create a new container", () => import("./create.ts").then((m) => m.create)),
  row("start", C, undefined, "Start one or more stopped containers", () => import("./start.ts").then((m) => m.start)),
  row("attach", C, undefined, "Attach local standard input, output, and error streams to a running container", () => import("./attach.ts").then((m) => m.attach)),
  row("logs", C, undefined, "Fetch the logs of a container", () => import("./logs.ts").then((m) => m.logs)),
  row("stop", C, undefined, "Stop one or more running containers", () => container().then((m) => m.stop)),
  row("restart", C, undefined, "Restart one or more containers", () => container().then((m) => m.restart)),
  row("kill", C, undefined, "Kill one or more running containers", () => container().then((m) => m.kill)),
  row("pause", C, undefined, "Pause all processes within one or more containers", () => container().then((m) => m.pause)),
  row("unpause", C, undefined, "Unpause all processes within one or more containers", () => container().then((m) => m.unpause)),
  row("rm", C, ["rm", "remove"], "Remove one or more containers", () => container().then((m) => m.rm)),
  row("rename", C, undefined, "Rename a container", () => container().then((m) => m.rename)),
  row("wait", C, undefined, "Block until one or more containers stop, then print their exit codes", () => container().then((m) => m.wait)),
  row("top", C, undefined, "Display the running processes of a container", () => container().then((m) => m.top)),
  row("stats", C, undefined, "Display a live stream of container(s) resource usage statistics", () => import("./stats.ts").then((m) => m.stats)),
  row(undefined, C, ["inspect"], "Display detailed information on one or more containers", () => import("./inspect.ts").then((m) => m.containerVerb)),
  row(undefined, C, ["prune"], "Remove all stopped containers", () => container().then((m) => m.prune)),
  row("inspect", undefined, undefined, "Return low-level information on Docker objects", () => import("./inspect.ts").then((m) => m.inspect)),
  row("images", I, ["ls", "list"], "List images", () => import("./images.ts").then((m) => m.images)),
  row("pull", I, undefined, "Download an image from a registry", () => image().then((m) => m.pull)),
  row("load", I, undefined, "Load an image from a tar archive or STDIN", () => image().then((m) => m.load)),
  row("import", I, undefined, "Import the contents from a tarball to create a filesystem image", () => image().then((m) => m.importImage)),
  row("tag", I, undefined, "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE", () => image().then((m) => m.tag)),
  row("rmi", I, ["rm", "remove"], "Remove one or more images", () => image().then((m) => m.rmi)),
  row("history", I, undefined, "Show the history of an image", () => import("./history.ts").then((m) => m.history)),
  row(undefined, I, ["inspect"], "Display detailed information on one or more images", () => import("./inspect.ts").then((m) => m.imageVerb)),
  row(undefined, "network", ["ls", "list"], "List networks", () => import("./network.ts").then((m) => m.ls)),
  row(undefined, "network", ["inspect"], "Display detailed information on one or more networks", () => import("./inspect.ts").then((m) => m.networkVerb)),
  row(undefined, "volume", ["ls", "list"], "List volumes", () => volume().then((m) => m.ls)),
  row(undefined, "volume", ["create"], "Create a volume", () => volume().then((m) => m.create)),
  row(undefined, "volume", ["inspect"], "Display detailed information on one or more volumes", () => import("./inspect.ts").then((m) => m.volumeVerb)),
  row(undefined, "volume", ["rm", "remove"], "Remove one or more volumes", () => volume().then((m) => m.rm)),
  row("info", "system", undefined, "Display system-wide information", () => import("./info.ts").then((m) => m.info)),
  row("events", "system", undefined, "Get real time events from the server", () => import("./events.ts").then((m) => m.events)),
  row("version", undefined, undefined, "Show the version information", () => system().then((m) => m.version)),
  row(undefined, "engine", ["commands"], "List the jobs that the engine knows", () => system().then((m) => m.engineCommands)),
  row("completion", undefined, undefined, "Print a completion script for bash, zsh or fish", () => import("./completion.ts").then((m) => m.completion)),
  row("daemon", undefined, undefined, "Run the engine", () => import("./daemon.ts").then((m) => m.daemonVerb())),
];

/** Every way to call the verb of `row`, the group's first, as Docker's help lists them. */
export const callsOf = (row: Row): string[] => [
  ...(row.group ? row.names!.map((name) => `bunker ${row.group} ${name}`) : []),
  ...(row.top ? [`bunker ${row.top}`] : []),
];
