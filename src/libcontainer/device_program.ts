import type { DeviceException, DevicePolicy } from "./devices.ts";

/** struct bpf_insn of linux/bpf.h, and only what is used. Registers: 0 the answer, 1 the context, 2 to 5 what it holds. */
interface Instruction {
  readonly code: number;
  readonly dst?: number;
  readonly src?: number;
  readonly off?: number;
  readonly imm?: number;
}

const LOAD_WORD = 0x61; // BPF_LDX | BPF_MEM | BPF_W
const MOVE32 = 0xbc; // BPF_ALU | BPF_MOV | BPF_X
const AND32 = 0x54; // BPF_ALU | BPF_AND | BPF_K
const SHIFT32 = 0x74; // BPF_ALU | BPF_RSH | BPF_K
const SET = 0xb7; // BPF_ALU64 | BPF_MOV | BPF_K
const JNE = 0x55; // BPF_JMP | BPF_JNE | BPF_K
const JEQ = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
const EXIT = 0x95;

const ANSWER = 0;
const CONTEXT = 1;
const TYPE = 2;
const ACCESS = 3;
const MAJOR = 4;
const MINOR = 5;
const SCRATCH = 1;

/** BPF_DEVCG_DEV_* and BPF_DEVCG_ACC_* of linux/bpf.h. */
const TYPES = { b: 1, c: 2 };
const LETTERS: Record<string, number> = { m: 1, r: 2, w: 4 };

const answer = (allow: boolean): Instruction[] => [
  { code: SET, dst: ANSWER, imm: allow ? 1 : 0 },
  { code: EXIT },
];

/**
 * The policy as a BPF_PROG_TYPE_CGROUP_DEVICE program. As in cgroup v1 one exception must cover the whole access to allow
 * it, and any that touches it denies it. cgroup-v2.rst "Device controller".
 */
export function deviceProgram(policy: DevicePolicy): Uint8Array {
  const program: Instruction[] = [
    // struct bpf_cgroup_dev_ctx { u32 access_type = access << 16 | type, major, minor }
    { code: LOAD_WORD, dst: TYPE, src: CONTEXT, off: 0 },
    { code: MOVE32, dst: ACCESS, src: TYPE },
    { code: AND32, dst: TYPE, imm: 0xffff },
    { code: SHIFT32, dst: ACCESS, imm: 16 },
    { code: LOAD_WORD, dst: MAJOR, src: CONTEXT, off: 4 },
    { code: LOAD_WORD, dst: MINOR, src: CONTEXT, off: 8 },
    ...policy.exceptions.flatMap((exception) => block(exception, !policy.allow)),
    ...answer(policy.allow),
  ];
  return bytesOf(program);
}

/** Answers `allow` when the exception applies, else falls out at its end. */
function block({ type, major, minor, access }: DeviceException, allow: boolean): Instruction[] {
  const mask = [...access].reduce((sum, letter) => sum | LETTERS[letter]!, 0);
  const tests: Instruction[] = [{ code: JNE, dst: TYPE, imm: TYPES[type] }];
  if (major !== "*") tests.push({ code: JNE, dst: MAJOR, imm: major });
  if (minor !== "*") tests.push({ code: JNE, dst: MINOR, imm: minor });
  tests.push(
    { code: MOVE32, dst: SCRATCH, src: ACCESS },
    { code: AND32, dst: SCRATCH, imm: allow ? 7 & ~mask : mask },
    { code: allow ? JNE : JEQ, dst: SCRATCH, imm: 0 },
  );
  const code = [...tests, ...answer(allow)];
  return code.map((one, at) =>
    one.code === JNE || one.code === JEQ ? { ...one, off: code.length - at - 1 } : one,
  );
}

/** u8 code, u4 dst, u4 src, s16 off, s32 imm, little-endian. */
function bytesOf(program: readonly Instruction[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(program.length * 8));
  program.forEach(({ code, dst = 0, src = 0, off = 0, imm = 0 }, i) => {
    view.setUint8(i * 8, code);
    view.setUint8(i * 8 + 1, (src << 4) | dst);
    view.setInt16(i * 8 + 2, off, true);
    view.setInt32(i * 8 + 4, imm, true);
  });
  return new Uint8Array(view.buffer);
}
