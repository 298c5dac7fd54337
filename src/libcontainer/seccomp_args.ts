import { invalid } from "../base/errors.ts";
import { and, type Instruction, JEQ, JGE, JGT, load, ret, test } from "./bpf.ts";

/** One comparison of a system call's argument; `second` is for MASKED_EQ, where `value` is the mask. */
export interface Condition {
  readonly index: number;
  readonly op: string;
  readonly value: bigint;
  readonly second: bigint;
  /** Of an ABI with 32-bit arguments: only the low half counts. */
  readonly narrow: boolean;
}

/** Where a comparison goes on: with its next instruction, or out of it because it holds or not. */
type Target = "next" | "holds" | "fails";
interface Step {
  readonly code: number;
  /** The half of the argument that the accumulator is loaded with first; none: as it is. */
  readonly half?: "high" | "low";
  readonly yes: Target;
  readonly no: Target;
}

/**
 * BPF compares 32 bits, so a 64-bit argument is decided by its high half where the halves differ, else by the low one.
 * LT and LE are the negations of GE and GT. The last step is the low half's alone.
 */
const STEPS: Record<string, readonly Step[]> = {
  SCMP_CMP_EQ: [
    { half: "high", code: JEQ, yes: "next", no: "fails" },
    { half: "low", code: JEQ, yes: "holds", no: "fails" },
  ],
  SCMP_CMP_NE: [
    { half: "high", code: JEQ, yes: "next", no: "holds" },
    { half: "low", code: JEQ, yes: "fails", no: "holds" },
  ],
  SCMP_CMP_GT: [
    { half: "high", code: JGT, yes: "holds", no: "next" },
    { code: JEQ, yes: "next", no: "fails" },
    { half: "low", code: JGT, yes: "holds", no: "fails" },
  ],
  SCMP_CMP_GE: [
    { half: "high", code: JGT, yes: "holds", no: "next" },
    { code: JEQ, yes: "next", no: "fails" },
    { half: "low", code: JGE, yes: "holds", no: "fails" },
  ],
  SCMP_CMP_LT: [
    { half: "high", code: JGT, yes: "fails", no: "next" },
    { code: JEQ, yes: "next", no: "holds" },
    { half: "low", code: JGE, yes: "fails", no: "holds" },
  ],
  SCMP_CMP_LE: [
    { half: "high", code: JGT, yes: "fails", no: "next" },
    { code: JEQ, yes: "next", no: "holds" },
    { half: "low", code: JGT, yes: "fails", no: "holds" },
  ],
};
const MASKED_EQ = "SCMP_CMP_MASKED_EQ";

/** Offset of args[0] in struct seccomp_data; little-endian. */
const ARGS = 16;

/** Tries each rule in turn; all conditions of one must hold for its action, and `otherwise` is what none leads to. */
export function chain(
  rules: readonly { conditions: readonly Condition[]; action: number }[],
  otherwise: number,
): Instruction[] {
  return [...rules.flatMap(({ conditions, action }) => ruleOf(conditions, action)), ret(otherwise)];
}

/** Returns `action` when all conditions hold, else falls out at its end. Built from the last condition backwards. */
function ruleOf(conditions: readonly Condition[], action: number): Instruction[] {
  let code = [ret(action)];
  for (const condition of [...conditions].reverse()) code = [...comparison(condition, code.length), ...code];
  return code;
}

/** `rest`: how many instructions to skip, behind this comparison, when it fails. */
function comparison({ index, op, value, second, narrow }: Condition, rest: number): Instruction[] {
  const masked = op === MASKED_EQ;
  const all = STEPS[masked ? "SCMP_CMP_EQ" : op];
  if (!all) throw invalid(`string ${op} is not a valid operator for seccomp`);
  const steps = narrow ? all.slice(-1) : all;
  const mask = masked ? value : undefined;
  const wanted = masked ? second & value : value;
  const blocks: { prefix: Instruction[]; step: Step; k: number }[] = [];
  let half: "high" | "low" = "high";
  for (const step of steps) {
    half = step.half ?? half;
    const part = (of: bigint) => Number((half === "high" ? of >> 32n : of) & 0xffffffffn);
    const prefix = step.half ? [load(ARGS + 8 * index + (half === "high" ? 4 : 0))] : [];
    if (mask !== undefined) prefix.push(and(part(mask)));
    blocks.push({ prefix, step, k: part(wanted) });
  }
  const size = blocks.reduce((sum, block) => sum + block.prefix.length + 1, 0);
  const code: Instruction[] = [];
  for (const { prefix, step, k } of blocks) {
    code.push(...prefix);
    const left = size - code.length - 1;
    const distance: Record<Target, number> = { next: 0, holds: left, fails: left + rest };
    code.push(test(step.code, k, distance[step.yes], distance[step.no]));
  }
  return code;
}
