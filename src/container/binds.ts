import { posix } from "node:path";
import type { Mount } from "../api/container_config.ts";
import { EngineError, invalid, unsupported } from "../base/errors.ts";
import type { ContainerMount } from "./mounts.ts";

/** A mount as it was asked for; a volume without a name gets one, and every volume its source, when it is made. */
export interface AskedMount extends ContainerMount {
  /** For a volume that has to be made. */
  readonly labels?: Record<string, string>;
}

const PROPAGATIONS = ["private", "rprivate", "shared", "rshared", "slave", "rslave"];
const CONSISTENCIES = ["consistent", "cached", "delegated", "default"];

/** One `-v`: `/path`, `name:/path[:mode]` or `/host:/path[:mode]`. Throws `invalid` in Docker's words. */
export function parseBind(spec: string): AskedMount {
  const parts = spec.split(":");
  if (parts.length > 3 || parts.some((part) => part === ""))
    throw invalid(`invalid volume specification: '${spec}'`);
  const [source, target, mode = ""] =
    parts.length === 1 ? [undefined, parts[0]!] : (parts as [string, string, string?]);
  const bind = source?.startsWith("/") ?? false;
  const type = bind ? "bind" : "volume";
  const flags = parseMode(mode, type);
  const destination = inWords(spec, type, () => checkDestination(target));
  const common = { destination, mode, writable: !flags.readOnly };
  if (bind)
    return {
      ...common,
      ...bindOf(posix.normalize(source!), flags.propagation, flags.readOnly),
      makeSource: true,
    };
  return {
    ...common,
    type: "volume",
    ...(source === undefined ? {} : { name: source }),
    source: "",
    mode: mode || (source === undefined ? "" : "z"),
    propagation: "",
    options: ["rbind", flags.readOnly ? "ro" : "rw", "rprivate"],
    copyUp: !flags.noCopy,
    makeSource: false,
  };
}

/** One of `HostConfig.Mounts`. `exists` asks the host for a path. Throws in Docker's words. */
export function parseMount(mount: Mount, exists: (path: string) => boolean): AskedMount {
  const fail = (reason: string) =>
    invalid(`invalid mount config for type ${JSON.stringify(mount.Type)}: ${reason}`);
  if (!mount.Target) throw fail("field Target must not be empty");
  const destination = inMount(mount.Type, () => checkDestination(mount.Target));
  const common = { destination, mode: "", writable: !mount.ReadOnly };
  switch (mount.Type) {
    case "bind":
      return { ...common, ...bindMount(mount, fail, exists) };
    case "volume":
      return { ...common, ...volumeMount(mount, fail) };
    case "tmpfs":
      if (mount.Source) throw fail("field Source must not be specified");
      return { ...common, ...tmpfsOf(tmpfsOptions(mount)), writable: true };
    case "image":
    case "npipe":
    case "cluster":
      throw unsupported(`mounts of type ${JSON.stringify(mount.Type)} are not supported by this engine`);
    default:
      throw fail("mount type unknown");
  }
}

/** `--tmpfs /path:options`, docker's defaults noexec, nosuid and nodev put in front unless their opposite is asked for. */
export function parseTmpfs(target: string, options: string): ContainerMount {
  const asked = options.split(",").filter((option) => option !== "");
  for (const option of asked)
    if (
      !/^(ro|rw|exec|noexec|suid|nosuid|dev|nodev|sync|async|dirsync|remount|mand|nomand|atime|noatime|diratime|nodiratime|relatime|norelatime|strictatime|nostrictatime|(?:r?(?:shared|slave|private|unbindable))|(?:size|mode|uid|gid|nr_inodes|nr_blocks|mpol|huge)=.+)$/.test(
        option,
      )
    )
      throw invalid(`invalid tmpfs option [${JSON.stringify(option)}]`);
  return {
    destination: checkDestination(target),
    mode: "",
    writable: !asked.includes("ro"),
    ...tmpfsOf(asked),
  };
}

const tmpfsOf = (asked: readonly string[]) =>
  ({
    type: "tmpfs",
    source: "",
    propagation: "",
    options: [
      ...["noexec", "nosuid", "nodev"].filter(
        (option) => !asked.includes(option.slice(2)) && !asked.includes(option),
      ),
      ...asked,
    ],
    copyUp: false,
    makeSource: false,
  }) as const;

function bindMount(mount: Mount, fail: (reason: string) => Error, exists: (path: string) => boolean) {
  const { Source: source = "", BindOptions: options = {} } = mount;
  if (!source) throw fail("field Source must not be empty");
  if (!source.startsWith("/")) throw fail(`invalid mount path: '${source}' mount path must be absolute`);
  if (mount.VolumeOptions) throw fail("field VolumeOptions must not be specified");
  if (mount.TmpfsOptions) throw fail("field TmpfsOptions must not be specified");
  const propagation = options.Propagation || "rprivate";
  if (!PROPAGATIONS.includes(propagation)) throw fail(`invalid propagation mode: ${propagation}`);
  if (options.ReadOnlyForceRecursive && options.ReadOnlyNonRecursive)
    throw fail("ReadOnlyForceRecursive is incompatible with ReadOnlyNonRecursive");
  if (!options.CreateMountpoint && !exists(source)) throw fail(`bind source path does not exist: ${source}`);
  const bind = bindOf(posix.normalize(source), propagation, mount.ReadOnly === true);
  if (options.ReadOnlyForceRecursive && propagation !== "rprivate")
    throw fail("ReadOnlyForceRecursive requires Propagation to be set to rprivate");
  const recursive = options.NonRecursive ? "bind" : "rbind";
  const shallow = options.ReadOnlyNonRecursive || options.NonRecursive;
  return {
    ...bind,
    options: [
      recursive,
      ...bind.options.slice(1).map((option) => (option === "rro" && shallow ? "ro" : option)),
    ],
    makeSource: options.CreateMountpoint === true,
  };
}

/** Read-only reaches the mounts beneath, as since Docker 25; kernels before 5.12 cannot, see `spec_input.ts`. */
const bindOf = (source: string, propagation: string, readOnly: boolean) =>
  ({
    type: "bind",
    source: source === "/" ? source : source.replace(/\/$/, ""),
    propagation: propagation || "rprivate",
    options: ["rbind", readOnly ? "rro" : "rw", propagation || "rprivate"],
    copyUp: false,
  }) as const;

function volumeMount(mount: Mount, fail: (reason: string) => Error) {
  const { VolumeOptions: options = {} } = mount;
  if (mount.BindOptions) throw fail("field BindOptions must not be specified");
  if (mount.TmpfsOptions) throw fail("field TmpfsOptions must not be specified");
  if (options.Subpath) throw unsupported("VolumeOptions.Subpath is not supported by this engine");
  const driver = options.DriverConfig?.Name;
  if (driver && driver !== "local")
    throw new EngineError(
      "not_found",
      `error looking up volume plugin ${driver}: plugin ${JSON.stringify(driver)} not found`,
    );
  if (Object.keys(options.DriverConfig?.Options ?? {}).length > 0)
    throw unsupported("VolumeOptions.DriverConfig.Options is not supported by this engine");
  return {
    type: "volume",
    ...(mount.Source ? { name: mount.Source } : {}),
    source: "",
    mode: "z",
    propagation: "",
    options: ["rbind", mount.ReadOnly ? "ro" : "rw", "rprivate"],
    copyUp: !options.NoCopy,
    makeSource: false,
    ...(options.Labels ? { labels: options.Labels } : {}),
  } as const;
}

function tmpfsOptions(mount: Mount): string[] {
  const { SizeBytes: size, Mode: mode, Options: more = [] } = mount.TmpfsOptions ?? {};
  return [
    ...(mount.ReadOnly ? ["ro"] : []),
    ...(size ? [`size=${size}`] : []),
    ...(mode ? [`mode=${mode.toString(8)}`] : []),
    ...more.map((pair) => pair.join("=")),
  ];
}

interface Mode {
  readonly readOnly: boolean;
  readonly noCopy: boolean;
  readonly propagation: string;
}

/** The words behind the last colon; each kind at most once. Labels for SELinux (`z`, `Z`) have no meaning on a host without it. */
function parseMode(mode: string, type: "bind" | "volume"): Mode {
  const words = mode === "" ? [] : mode.split(",");
  const kinds = words.map((word) => kindOf(word, type));
  if (kinds.includes(undefined) || new Set(kinds).size !== kinds.length)
    throw invalid(`invalid mode: ${mode}`);
  return {
    readOnly: words.includes("ro"),
    noCopy: words.includes("nocopy"),
    propagation: words.find((word) => PROPAGATIONS.includes(word)) ?? "",
  };
}

function kindOf(word: string, type: "bind" | "volume"): string | undefined {
  if (word === "ro" || word === "rw") return "access";
  if (word === "z" || word === "Z") return "label";
  if (word === "nocopy") return type === "volume" ? "copy" : undefined;
  if (PROPAGATIONS.includes(word)) return type === "bind" ? "propagation" : undefined;
  return CONSISTENCIES.includes(word) ? "consistency" : undefined;
}

function checkDestination(path: string): string {
  if (!path.startsWith("/")) throw invalid(`invalid mount path: '${path}' mount path must be absolute`);
  const clean = posix.normalize(path).replace(/(.)\/$/, "$1");
  if (clean === "/") throw invalid("invalid specification: destination can't be '/'");
  if (clean.includes("\0")) throw invalid(`invalid mount path: ${JSON.stringify(path)} contains NUL`);
  return clean;
}

const inWords = <T>(spec: string, type: string, body: () => T): T =>
  prefixed(
    `invalid volume specification: '${spec}': invalid mount config for type ${JSON.stringify(type)}: `,
    body,
  );
const inMount = <T>(type: string, body: () => T): T =>
  prefixed(`invalid mount config for type ${JSON.stringify(type)}: `, body);

function prefixed<T>(prefix: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    if (error instanceof EngineError)
      throw new EngineError(error.code, prefix + error.message, { cause: error });
    throw error;
  }
}
