import { basename, posix } from "node:path";
import { EngineError, unsupported } from "../base/errors.ts";
import type { Mount } from "../oci/runtime.ts";
import type { Step } from "../sys/steps.ts";
import * as steps from "../sys/steps.ts";

/** MS_* of mount(2). */
export const MS = {
  RDONLY: 1,
  NOSUID: 2,
  NODEV: 4,
  NOEXEC: 8,
  SYNCHRONOUS: 16,
  REMOUNT: 32,
  MANDLOCK: 64,
  DIRSYNC: 128,
  NOATIME: 1024,
  NODIRATIME: 2048,
  REC: 1 << 14,
  UNBINDABLE: 1 << 17,
  PRIVATE: 1 << 18,
  SLAVE: 1 << 19,
  SHARED: 1 << 20,
  RELATIME: 1 << 21,
  STRICTATIME: 1 << 24,
} as const;

/** MOUNT_ATTR_* of mount_setattr(2); the access time is one field, so whoever sets it clears it first. */
const ATTR = {
  RDONLY: 1,
  NOSUID: 2,
  NODEV: 4,
  NOEXEC: 8,
  NOATIME: 0x10,
  STRICTATIME: 0x20,
  NODIRATIME: 0x80,
};
const ATIME = 0x70;

/** What one option does: MS_* to set or clear, MOUNT_ATTR_* to set or clear. */
type Effect = readonly [set: number, clear: number, attrSet: number, attrClear: number];

/** runtime-spec config.md "Linux mount options" */
const OPTIONS: Record<string, Effect> = {
  defaults: [0, 0, 0, 0],
  ro: [MS.RDONLY, 0, ATTR.RDONLY, 0],
  rw: [0, MS.RDONLY, 0, ATTR.RDONLY],
  nosuid: [MS.NOSUID, 0, ATTR.NOSUID, 0],
  suid: [0, MS.NOSUID, 0, ATTR.NOSUID],
  nodev: [MS.NODEV, 0, ATTR.NODEV, 0],
  dev: [0, MS.NODEV, 0, ATTR.NODEV],
  noexec: [MS.NOEXEC, 0, ATTR.NOEXEC, 0],
  exec: [0, MS.NOEXEC, 0, ATTR.NOEXEC],
  sync: [MS.SYNCHRONOUS, 0, 0, 0],
  async: [0, MS.SYNCHRONOUS, 0, 0],
  dirsync: [MS.DIRSYNC, 0, 0, 0],
  mand: [MS.MANDLOCK, 0, 0, 0],
  nomand: [0, MS.MANDLOCK, 0, 0],
  noatime: [MS.NOATIME, 0, ATTR.NOATIME, ATIME],
  atime: [0, MS.NOATIME, 0, ATIME],
  relatime: [MS.RELATIME, 0, 0, ATIME],
  norelatime: [0, MS.RELATIME, 0, 0],
  strictatime: [MS.STRICTATIME, 0, ATTR.STRICTATIME, ATIME],
  nostrictatime: [0, MS.STRICTATIME, 0, ATIME],
  nodiratime: [MS.NODIRATIME, 0, ATTR.NODIRATIME, 0],
  diratime: [0, MS.NODIRATIME, 0, ATTR.NODIRATIME],
};

const PROPAGATION: Record<string, number> = {
  shared: MS.SHARED,
  slave: MS.SLAVE,
  private: MS.PRIVATE,
  unbindable: MS.UNBINDABLE,
};

/** `rshared` and the like to MS_*; 0 for the empty word. */
export function propagationOf(word: string): number {
  if (word === "") return 0;
  const found = PROPAGATION[word] ?? PROPAGATION[word.replace(/^r/, "")];
  if (found === undefined) throw unsupported(`mount propagation "${word}"`);
  return found | (word in PROPAGATION ? 0 : MS.REC);
}

interface Wanted {
  flags: number;
  set: number;
  clear: number;
  /** Attributes reach the mounts beneath: an `r` before the option (`rro`). */
  deep: boolean;
  propagation: number;
  bind: boolean;
  recursive: boolean;
  copyUp: boolean;
  data: string[];
}

/** mount(8)'s words, sorted into what the kernel is told. What is no flag is the file system's own option. */
export function parseOptions(options: readonly string[]): Wanted {
  const wanted: Wanted = {
    flags: 0,
    set: 0,
    clear: 0,
    deep: false,
    propagation: 0,
    bind: false,
    recursive: false,
    copyUp: false,
    data: [],
  };
  for (const option of options) take(wanted, option);
  return wanted;
}

function take(wanted: Wanted, option: string): void {
  const deep = option.startsWith("r") && option.slice(1) in OPTIONS && !(option in OPTIONS);
  const effect = OPTIONS[deep ? option.slice(1) : option];
  if (effect) {
    const [set, clear, attrSet, attrClear] = effect;
    wanted.flags = (wanted.flags & ~clear) | set;
    wanted.set = (wanted.set & ~attrClear) | attrSet;
    wanted.clear = (wanted.clear & ~attrSet) | attrClear;
    wanted.deep ||= deep;
  } else if (option === "bind" || option === "rbind") {
    wanted.bind = true;
    wanted.recursive ||= option === "rbind";
  } else if (option in PROPAGATION || (option.startsWith("r") && option.slice(1) in PROPAGATION)) {
    wanted.propagation = propagationOf(option);
  } else if (option === "tmpcopyup") {
    wanted.copyUp = true;
  } else if (option === "idmap" || option === "ridmap") {
    throw unsupported(`mount option "${option}": idmapped mounts are not supported`);
  } else {
    wanted.data.push(option);
  }
}

/** What a mount needs to know of the container besides itself. */
export interface MountContext {
  /** v1: the container's cgroup in each hierarchy; v2: none. */
  readonly cgroups: readonly { readonly name: string; readonly path: string }[] | undefined;
  /** The source that stands for the embedded init. */
  readonly init: string;
}

/** One mount of config.json as steps, in its order. Throws `unsupported`. */
export function mountSteps(mount: Mount, context: MountContext): Step[] {
  const wanted = parseOptions(mount.options ?? []);
  const { source = "", type = "none" } = mount;
  const target = posix.normalize(mount.destination).replace(/(.)\/$/, "$1");
  if (!target.startsWith("/")) throw new EngineError("invalid", `mount destination ${target} not absolute`);
  if (wanted.bind || type === "bind")
    return source === context.init ? [steps.init(target, "/dev")] : [bindStep(target, source, wanted)];
  if (type === "cgroup") return cgroupSteps(target, wanted, context);
  return [
    steps.mount({
      target,
      source: source || type,
      type: type === "cgroup2" ? "cgroup2" : type,
      data: wanted.data.join(","),
      flags: wanted.flags,
      propagation: wanted.propagation,
      nofollow: type === "proc" || type === "sysfs",
      copyUp: wanted.copyUp,
      keepMode: type === "tmpfs" && !wanted.data.some((option) => option.startsWith("mode=")),
    }),
  ];
}

const bindStep = (target: string, host: string, wanted: Wanted): Step =>
  steps.bind({
    target,
    host,
    recursive: wanted.recursive,
    set: BigInt(wanted.set),
    clear: BigInt(wanted.clear),
    deep: wanted.deep,
    propagation: wanted.propagation & ~MS.REC,
    flags: wanted.flags,
  });

/**
 * v2: the hierarchy itself. v1, as runc does it: a tmpfs with a folder a hierarchy, over which the container's own cgroup
 * is bound, a link for each controller of a common hierarchy, and the tmpfs made read-only in the end.
 */
function cgroupSteps(target: string, wanted: Wanted, { cgroups }: MountContext): Step[] {
  const flags = wanted.flags & ~MS.RDONLY;
  const common = { target, data: "", propagation: wanted.propagation };
  if (!cgroups) return [steps.mount({ ...common, source: "cgroup", type: "cgroup2", flags: wanted.flags })];
  const links = cgroups.flatMap(({ name }) =>
    name.includes(",")
      ? name.split(",").map((controller) => steps.symlink(`${target}/${controller}`, basename(name)))
      : [],
  );
  return [
    steps.mount({ ...common, source: "tmpfs", type: "tmpfs", flags, data: "mode=755" }),
    ...cgroups.map(({ name, path }) => bindStep(`${target}/${name}`, path, { ...wanted, recursive: false })),
    ...links,
    ...(wanted.flags & MS.RDONLY ? [steps.attributes(target, BigInt(ATTR.RDONLY), MS.RDONLY)] : []),
  ];
}
