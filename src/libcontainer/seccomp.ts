import { invalid, unsupported } from "../base/errors.ts";
import type { Seccomp } from "../oci/runtime.ts";
import { assemble, branch, type Instruction, JEQ, JGE, load, ret } from "./bpf.ts";
import { type Condition, chain } from "./seccomp_args.ts";
import { architectureOf, multiplexed } from "./syscalls.ts";

/** SECCOMP_RET_* of linux/seccomp.h. */
const RETURNS: Record<string, number> = {
  SCMP_ACT_KILL: 0,
  SCMP_ACT_KILL_THREAD: 0,
  SCMP_ACT_KILL_PROCESS: 0x80000000,
  SCMP_ACT_TRAP: 0x00030000,
  SCMP_ACT_ERRNO: 0x00050000,
  SCMP_ACT_TRACE: 0x7ff00000,
  SCMP_ACT_LOG: 0x7ffc0000,
  SCMP_ACT_ALLOW: 0x7fff0000,
};
const KILL = 0;
const EPERM = 1;
const ENOSYS = 38;
/** Actions after which a system call that the profile's author did not know still works. */
const PERMISSIVE = new Set(["SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_TRACE"]);

const NR = 0;
const ARCH = 4;
const MAX_INSTRUCTIONS = 4096;
const AMD64 = "SCMP_ARCH_X86_64";

/** SECCOMP_FILTER_FLAG_*; a profile without `flags` gets SPEC_ALLOW, as runc does. */
const FLAGS: Record<string, number> = {
  SECCOMP_FILTER_FLAG_TSYNC: 1,
  SECCOMP_FILTER_FLAG_LOG: 2,
  SECCOMP_FILTER_FLAG_SPEC_ALLOW: 4,
  SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV: 32,
};

/** By the digest of their content, and by the object for the profile that nearly every container shares. */
const compiled = new Map<string, Uint8Array>();
const known = new WeakMap<Seccomp, Uint8Array>();
const MAX_COMPILED = 64;

/**
 * The profile as struct sock_filter[], for seccomp(2). Means what libseccomp makes of it with runc's additions: an
 * architecture that is not listed kills the thread, a name that is unknown is skipped, a system call newer than all that the
 * profile names answers ENOSYS. Compiled once for each content. Throws `invalid`, `unsupported`.
 */
export function compileSeccomp(profile: Seccomp): Uint8Array {
  let program = known.get(profile);
  if (!program) {
    const text = JSON.stringify(profile, (_, value) => (typeof value === "bigint" ? `${value}n` : value));
    const digest = Bun.CryptoHasher.hash("sha256", text, "hex");
    program = compiled.get(digest) ?? assemble(programOf(profile));
    if (compiled.size >= MAX_COMPILED) compiled.delete(compiled.keys().next().value!);
    compiled.set(digest, program);
    known.set(profile, program);
  }
  return program;
}

/** The flags argument of seccomp(2). Throws `invalid` for a name that does not exist. */
export function seccompFlags(profile: Seccomp): number {
  let flags = 0;
  for (const name of profile.flags ?? ["SECCOMP_FILTER_FLAG_SPEC_ALLOW"]) {
    const flag = FLAGS[name];
    if (flag === undefined) throw invalid(`seccomp flag '${name}' not recognized`);
    flags |= flag;
  }
  return flags;
}

/** What happens to one range of numbers, which ends where the next begins. */
interface Segment {
  readonly from: number;
  readonly code: Instruction[];
}

function programOf(profile: Seccomp): Instruction[] {
  if (profile.architectures?.length === 0) return programOf({ ...profile, architectures: undefined });
  const names = profile.architectures ?? [AMD64];
  const audits = new Set(
    names.map((name) => architectureOf(name)?.audit).filter((audit) => audit !== undefined),
  );
  let program = [ret(KILL)];
  for (const audit of [...audits].reverse()) {
    const tree = treeOf(segmentsOf(profile, names, audit));
    program = branch(JEQ, audit, [load(NR), ...tree], program);
  }
  program.unshift(load(ARCH));
  if (program.length > MAX_INSTRUCTIONS)
    throw invalid(
      `seccomp profile is too large: ${program.length} instructions, the kernel takes ${MAX_INSTRUCTIONS}`,
    );
  return program;
}

/** Binary search: at most log2(segments) comparisons for any number. */
function treeOf(segments: Segment[]): Instruction[] {
  if (segments.length === 1) return segments[0]!.code;
  const middle = segments.length >> 1;
  return branch(
    JGE,
    segments[middle]!.from,
    treeOf(segments.slice(middle)),
    treeOf(segments.slice(0, middle)),
  );
}

/** All 2^32 numbers of the architectures that share one AUDIT_ARCH: x86-64 and x32 differ by a bit of the number. */
function segmentsOf(profile: Seccomp, names: readonly string[], audit: number): Segment[] {
  const segments: Segment[] = [];
  const add = (from: number, code: Instruction[]) => {
    if (segments.at(-1)?.from === from) segments.pop();
    const last = segments.at(-1)?.code;
    const same = last?.length === 1 && code.length === 1 && last[0]!.k === code[0]!.k;
    if (!same) segments.push({ from, code });
  };
  const otherwise = returnOf(profile.defaultAction, profile.defaultErrnoRet);
  const halves = audit === architectureOf(AMD64)!.audit ? [AMD64, "SCMP_ARCH_X32"] : ["SCMP_ARCH_X86"];
  for (const half of halves) {
    const { bit } = architectureOf(half)!;
    if (!names.includes(half)) {
      add(bit, [ret(KILL)]);
      continue;
    }
    const { rules, last } = rulesOf(profile, half);
    add(bit, [ret(otherwise)]);
    for (const [number, rule] of [...rules].sort(([a], [b]) => a - b)) {
      add(bit + number, typeof rule === "number" ? [ret(rule)] : chain(rule, otherwise));
      if (!rules.has(number + 1)) add(bit + number + 1, [ret(otherwise)]);
    }
    if (last >= 0 && !PERMISSIVE.has(profile.defaultAction))
      add(bit + last + 1, [ret(RETURNS.SCMP_ACT_ERRNO! | ENOSYS)]);
  }
  // -1 is a system call that a tracer has cancelled, in whichever half (libseccomp lets it through to the default too)
  if (!names.includes("SCMP_ARCH_X32") && halves.length === 2) add(0xffffffff, [ret(otherwise)]);
  return segments;
}

/** For one system call: what it always answers, or the conditions to be tried in turn. */
type Rule = number | { conditions: Condition[]; action: number }[];

/** A rule without conditions beats all with; of two without, the first counts. `last`: the highest number named. */
function rulesOf(profile: Seccomp, architecture: string): { rules: Map<number, Rule>; last: number } {
  const { numbers } = architectureOf(architecture)!;
  const narrow = architecture !== AMD64;
  const otherwise = returnOf(profile.defaultAction, profile.defaultErrnoRet);
  const rules = new Map<number, Rule>();
  let last = -1;
  for (const entry of profile.syscalls ?? []) {
    const action = returnOf(entry.action, entry.errnoRet);
    const sets = alternatives(entry.args ?? []).map((set) => set.map((arg) => conditionOf(arg, narrow)));
    const add = (number: number, sets: Condition[][]) => {
      last = Math.max(last, number);
      const before = rules.get(number);
      if (action === otherwise || typeof before === "number") return;
      if (sets.length === 0) rules.set(number, action);
      else rules.set(number, [...(before ?? []), ...sets.map((conditions) => ({ conditions, action }))]);
    };
    for (const name of entry.names) {
      const number = numbers.get(name);
      if (number !== undefined) add(number, sets);
      const call = sets.length === 0 ? multiplexed(name) : undefined;
      const by = call && numbers.get(call.by);
      if (call && by !== undefined)
        add(by, [[conditionOf({ index: 0, op: "SCMP_CMP_EQ", value: call.value }, true)]]);
    }
  }
  return { rules, last };
}

type Argument = NonNullable<NonNullable<Seccomp["syscalls"]>[number]["args"]>[number];

/** Conditions on different arguments must all hold; when one argument stands twice, any of them suffices (runc). */
function alternatives(args: readonly Argument[]): Argument[][] {
  const distinct = new Set(args.map((arg) => arg.index)).size === args.length;
  if (distinct) return args.length ? [[...args]] : [];
  return args.map((arg) => [arg]);
}

function conditionOf({ index, op, value, valueTwo = 0 }: Argument, narrow: boolean): Condition {
  if (!(Number.isInteger(index) && index >= 0 && index < 6))
    throw invalid(`seccomp argument index ${index} is not 0 to 5`);
  return { index, op, narrow, value: unsigned(value), second: unsigned(valueTwo) };
}

const unsigned = (value: number | bigint): bigint => BigInt.asUintN(64, BigInt(value));

function returnOf(action: string, errno: number = EPERM): number {
  if (action === "SCMP_ACT_NOTIFY")
    throw unsupported("seccomp action SCMP_ACT_NOTIFY is not supported: no listener");
  const value = RETURNS[action];
  if (value === undefined) throw invalid(`string ${action} is not a valid action for seccomp`);
  const data = action === "SCMP_ACT_ERRNO" || action === "SCMP_ACT_TRACE" ? errno & 0xffff : 0;
  return (value | data) >>> 0;
}
