/** Classic BPF as seccomp(2) takes it: struct sock_filter of linux/filter.h, and only the instructions that we use. */
export interface Instruction {
  readonly code: number;
  readonly jt: number;
  readonly jf: number;
  readonly k: number;
}

const LOAD = 0x20; // BPF_LD | BPF_W | BPF_ABS
const AND = 0x54; // BPF_ALU | BPF_AND | BPF_K
const RETURN = 0x06; // BPF_RET | BPF_K
const JUMP = 0x05; // BPF_JMP | BPF_JA
export const JEQ = 0x15;
export const JGT = 0x25;
export const JGE = 0x35;

const plain = (code: number, k: number): Instruction => ({ code, jt: 0, jf: 0, k: k >>> 0 });

/** The accumulator becomes the word at `offset` of struct seccomp_data. */
export const load = (offset: number): Instruction => plain(LOAD, offset);
export const and = (mask: number): Instruction => plain(AND, mask);
export const ret = (value: number): Instruction => plain(RETURN, value);

/** `code` (JEQ, JGT, JGE) against `k`; `jt` and `jf` are instructions to skip, 0 to 255. */
export const test = (code: number, k: number, jt: number, jf: number): Instruction => ({
  code,
  jt,
  jf,
  k: k >>> 0,
});

/** `yes` when the accumulator passes the test, else `no`. Blocks that end in a return; of any length. */
export function branch(code: number, k: number, yes: Instruction[], no: Instruction[]): Instruction[] {
  if (no.length <= 255) return [test(code, k, no.length, 0), ...no, ...yes];
  return [test(code, k, 0, 1), plain(JUMP, no.length), ...no, ...yes];
}

/** struct sock_filter, little-endian: u16 code, u8 jt, u8 jf, u32 k. */
export function assemble(program: readonly Instruction[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(program.length * 8));
  program.forEach(({ code, jt, jf, k }, i) => {
    view.setUint16(i * 8, code, true);
    view.setUint8(i * 8 + 2, jt);
    view.setUint8(i * 8 + 3, jf);
    view.setUint32(i * 8 + 4, k, true);
  });
  return new Uint8Array(view.buffer);
}
