import { readFileSync } from "node:fs";
import { invalid, unsupported } from "../base/errors.ts";
import type { Process } from "../oci/runtime.ts";
import type { Step } from "../sys/steps.ts";
import * as steps from "../sys/steps.ts";
import { capabilityMask } from "./capabilities.ts";

/** A compiled filter and the flags of seccomp(2). */
export interface SeccompFilter {
  readonly program: Uint8Array;
  readonly flags: number;
}

/** setrlimit(2), asm-generic/resource.h */
const RLIMITS: Record<string, number> = {
  RLIMIT_CPU: 0,
  RLIMIT_FSIZE: 1,
  RLIMIT_DATA: 2,
  RLIMIT_STACK: 3,
  RLIMIT_CORE: 4,
  RLIMIT_RSS: 5,
  RLIMIT_NPROC: 6,
  RLIMIT_NOFILE: 7,
  RLIMIT_MEMLOCK: 8,
  RLIMIT_AS: 9,
  RLIMIT_LOCKS: 10,
  RLIMIT_SIGPENDING: 11,
  RLIMIT_MSGQUEUE: 12,
  RLIMIT_NICE: 13,
  RLIMIT_RTPRIO: 14,
  RLIMIT_RTTIME: 15,
};
const INFINITY = 0xffffffffffffffffn;
const DEFAULT_UMASK = 0o022;

export interface ProcessContext {
  readonly id: string;
  readonly seccomp?: SeccompFilter;
  /** The terminal was made while /dev was. */
  readonly consoleDone: boolean;
}

/**
 * From the container's root to exec, in runc's order: the filter before the capabilities go when no_new_privs is off (it
 * needs CAP_SYS_ADMIN then), else as late as can be.
 */
export function processSteps(process: Process, { id, seccomp, consoleDone }: ProcessContext): Step[] {
  const { user, terminal, consoleSize } = process;
  const filter = seccomp ? [steps.seccomp(seccomp.program, seccomp.flags)] : [];
  const early = !process.noNewPrivileges;
  const path = process.env?.findLast((entry) => entry.startsWith("PATH="))?.slice("PATH=".length);
  const program = process.args[0];
  if (program === undefined) throw invalid("no command specified");
  return [
    ...(terminal && !consoleDone
      ? [steps.consoleOf(undefined, consoleSize?.height ?? 0, consoleSize?.width ?? 0)]
      : []),
    steps.keyring(`_ses.${id}`),
    ...(process.rlimits ?? []).map(rlimitStep),
    steps.stdio(),
    ...(early ? filter : [steps.noNewPrivileges()]),
    steps.chdir(process.cwd, true),
    ...boundingSteps(process),
    steps.user(user.uid, user.gid, user.additionalGids ?? []),
    steps.chdir(process.cwd),
    ...capabilitySteps(process),
    steps.umask(user.umask ?? DEFAULT_UMASK),
    steps.lookup(program, path),
    ...(early ? [] : filter),
    steps.exec(process.args, process.env ?? []),
  ];
}

function rlimitStep({ type, soft, hard }: { type: string; soft: number; hard: number }): Step {
  const resource = RLIMITS[type];
  if (resource === undefined) throw invalid(`invalid rlimit type: ${type}`);
  return steps.rlimit(type, resource, unlimited(soft), unlimited(hard));
}

/** What is told by the host's /proc: done before any of the container's can be in its place. */
export function earlySteps({ oomScoreAdj, apparmorProfile }: Process): Step[] {
  const early: Step[] = [];
  if (oomScoreAdj !== undefined) early.push(steps.write("/proc/self/oom_score_adj", String(oomScoreAdj)));
  if (apparmorProfile) {
    if (!appArmor()) throw unsupported("an AppArmor profile is asked for, but this host has no AppArmor");
    early.push(steps.write("/proc/thread-self/attr/apparmor/exec", `exec ${apparmorProfile}`));
  }
  return early;
}

function appArmor(): boolean {
  try {
    return readFileSync("/sys/module/apparmor/parameters/enabled", "utf8").startsWith("Y");
  } catch {
    return false; // the module is not there
  }
}

const unlimited = (value: number): bigint =>
  value < 0 || value > Number.MAX_SAFE_INTEGER ? INFINITY : BigInt(value);

const boundingSteps = ({ capabilities }: Process): Step[] =>
  capabilities ? [steps.bounding(capabilityMask(capabilities.bounding ?? []))] : [];

function capabilitySteps({ capabilities }: Process): Step[] {
  if (!capabilities) return [];
  const { effective = [], permitted = [], inheritable = [], ambient = [] } = capabilities;
  return [
    steps.capabilities({
      effective: capabilityMask(effective),
      permitted: capabilityMask(permitted),
      inheritable: capabilityMask(inheritable),
      ambient: capabilityMask(ambient),
    }),
  ];
}
