import { basename, dirname, join } from "node:path";
import { EngineError, invalid, unsupported } from "../base/errors.ts";
import type { Linux, NamespaceType, Process, Spec } from "../oci/runtime.ts";
import type { Step } from "../sys/steps.ts";
import * as steps from "../sys/steps.ts";
import { MS, mountSteps, propagationOf } from "./mounts.ts";
import { deviceSteps } from "./nodes.ts";
import { earlySteps, processSteps, type SeccompFilter } from "./process.ts";
import { sysctlSteps } from "./sysctl.ts";

/** Where the root file system comes from (execdriver's Rootfs in libcontainer's words). */
export type Root =
  | { readonly kind: "path"; readonly path: string }
  | {
      readonly kind: "overlay";
      readonly lower: readonly string[];
      readonly upper: string;
      readonly work: string;
      readonly volatile?: boolean;
    };

export interface PlanInput {
  readonly id: string;
  readonly spec: Spec;
  readonly root: Root;
  /** A host folder over which the root is mounted, in the container's own mount namespace only. */
  readonly staging: string;
  /** An open network namespace to join. */
  readonly netns?: number;
  /** `cgroup.procs` files to write ourselves into; v2 is born inside. */
  readonly cgroup: { readonly procs: readonly string[]; readonly path: string; readonly version: 1 | 2 };
  readonly seccomp?: SeccompFilter;
  readonly host: { readonly initramfs: boolean; mountPointOf(path: string): string };
  /** The mount source that stands for the embedded init. */
  readonly init: string;
}

export interface Plan {
  readonly steps: readonly Step[];
  /** CLONE_NEW* of the clone itself */
  readonly namespaces: number;
  /** A pid namespace to be born in, as a path. */
  readonly joinPid?: string;
}

/** Born with the process; the cgroup namespace comes after the cgroup, a given network namespace is joined. */
const BORN: readonly NamespaceType[] = ["pid", "mount", "ipc", "uts", "network"];

/** config.json as the steps of a birth, in runc's order. Every decision is taken here. Throws EngineErrors. */
export function planOf(input: PlanInput): Plan {
  const { spec } = input;
  const spaces = namespacesOf(spec.linux);
  refuse(spec, spaces);
  const isNew = (type: NamespaceType): boolean => spaces.has(type) && spaces.get(type) === undefined;
  const born = BORN.filter((type) => isNew(type) && !(type === "network" && input.netns !== undefined));
  const joinPid = spaces.get("pid");
  return {
    namespaces: born.reduce((all, type) => all | steps.CLONE_NEW[type], 0),
    ...(joinPid === undefined ? {} : { joinPid }),
    steps: [
      ...(input.cgroup.version === 1 ? enterSteps(input.cgroup.procs) : []),
      ...earlySteps(spec.process),
      ...joinSteps(input, spaces),
      ...(isNew("cgroup") ? [steps.unshare("cgroup", steps.CLONE_NEW.cgroup)] : []),
      ...(born.includes("network") ? [steps.loopback()] : []),
      ...rootSteps(input),
      ...sysctlSteps(spec.linux.sysctl ?? {}, (type) => spaces.has(type)),
      ...(spec.linux.readonlyPaths ?? []).map(steps.readonly),
      ...(spec.linux.maskedPaths ?? []).map(steps.mask),
      ...(spec.root?.readonly ? [steps.readonlyRoot()] : []),
      steps.pivot(rootPropagation(spec.linux), input.host.initramfs),
      ...(spec.hostname !== undefined && spaces.has("uts") ? [steps.hostname(spec.hostname)] : []),
      ...(spec.domainname !== undefined && spaces.has("uts") ? [steps.domainname(spec.domainname)] : []),
      ...processSteps(spec.process, { id: input.id, seccomp: input.seccomp, consoleDone: true }),
    ],
  };
}

/** The steps of one more process in a container that runs: everything but the pid namespace is joined at once. */
export function execPlanOf(
  process: Process,
  into: { id: string; pidfd: number; procs: readonly string[]; seccomp?: SeccompFilter },
): Step[] {
  const { mount, uts, ipc, network, cgroup } = steps.CLONE_NEW;
  return [
    ...enterSteps(into.procs),
    ...earlySteps(process),
    steps.setns("container", { fd: into.pidfd }, mount | uts | ipc | network | cgroup),
    ...processSteps(process, { id: into.id, seccomp: into.seccomp, consoleDone: false }),
  ];
}

/**
 * cgroup v1. `tasks` and not `cgroup.procs`: a single thread that moves itself takes no lock that is global to the machine,
 * which costs 7 to 15 ms when nobody has moved lately (kernel/cgroup/cgroup.c, cgroup_procs_write_start, Linux 5.5).
 */
const enterSteps = (procs: readonly string[]): Step[] =>
  procs.map((file) => steps.write(join(dirname(file), "tasks"), "0"));

function namespacesOf(linux: Linux): Map<NamespaceType, string | undefined> {
  const spaces = new Map<NamespaceType, string | undefined>();
  for (const { type, path } of linux.namespaces) {
    if (spaces.has(type)) throw invalid(`malformed spec: namespace ${type} is given twice`);
    spaces.set(type, path || undefined);
  }
  return spaces;
}

function refuse(spec: Spec, spaces: ReadonlyMap<NamespaceType, string | undefined>): void {
  if (spaces.has("user") || spec.linux.uidMappings?.length || spec.linux.gidMappings?.length)
    throw unsupported("user namespaces are not supported yet");
  if (spaces.has("time")) throw unsupported("time namespaces are not supported yet");
  if (!spaces.has("mount") || spaces.get("mount") !== undefined)
    throw unsupported("a container needs a mount namespace of its own");
  if (spec.hooks && Object.values(spec.hooks).some((list) => list.length > 0))
    throw unsupported("hooks are not supported yet");
  if (spec.linux.mountLabel || spec.process.selinuxLabel)
    throw unsupported("SELinux labels are not supported");
}

/** The host's paths are still there: nothing of the container can be in the way. */
function joinSteps(input: PlanInput, spaces: ReadonlyMap<NamespaceType, string | undefined>): Step[] {
  const joined: Step[] = [];
  for (const type of ["ipc", "uts", "network", "cgroup"] as const) {
    const path = spaces.get(type);
    if (type === "network" && input.netns !== undefined)
      joined.push(steps.setns(type, { fd: input.netns }, steps.CLONE_NEW.network));
    else if (path !== undefined) joined.push(steps.setns(type, { path }, steps.CLONE_NEW[type]));
  }
  return joined;
}

/** The tree of the root, up to the moment in which it becomes "/". */
function rootSteps(input: PlanInput): Step[] {
  const { spec, root, staging, cgroup } = input;
  const { process } = spec;
  const context = {
    init: input.init,
    cgroups:
      cgroup.version === 2
        ? undefined
        : cgroup.procs.map((file) => ({
            path: dirname(file),
            name: hierarchyOf(dirname(file), cgroup.path),
          })),
  };
  return [
    ...parentSteps(input),
    root.kind === "overlay" ? steps.overlay(staging, root) : steps.root(staging, root.path, false),
    ...spec.mounts.flatMap((mount) => mountSteps(mount, context)),
    ...deviceSteps(spec),
    ...(process.terminal
      ? [steps.consoleOf("/dev/console", process.consoleSize?.height ?? 0, process.consoleSize?.width ?? 0)]
      : []),
    steps.mkdir(cwdOf(process)),
  ];
}

/** `/sys/fs/cgroup/cpu,cpuacct/docker/x` of cgroup `/docker/x` to `cpu,cpuacct`. */
const hierarchyOf = (folder: string, path: string): string => basename(folder.slice(0, -path.length));

/** Nothing that is mounted for the container reaches the host, unless the spec says so. */
function parentSteps({ spec, staging, host }: PlanInput): Step[] {
  const word = spec.linux.rootfsPropagation || "rslave";
  const flags = propagationOf(word.startsWith("r") ? word : `r${word}`);
  const down = [steps.propagation("/", flags)];
  if (flags & MS.SHARED) down.push(steps.propagation(host.mountPointOf(staging), MS.PRIVATE));
  return down;
}

const rootPropagation = (linux: Linux): number => propagationOf(linux.rootfsPropagation || "rprivate");

function cwdOf({ cwd }: Process): string {
  if (!cwd.startsWith("/")) throw new EngineError("invalid", `cwd ${cwd} is not an absolute path`);
  return cwd;
}
