import { expect, test } from "bun:test";
import { EngineError } from "../base/errors.ts";
import type { Seccomp } from "../oci/runtime.ts";
import { compileSeccomp, seccompFlags } from "./seccomp.ts";
import { architectureOf } from "./syscalls.ts";

const ALLOW = 0x7fff0000;
const KILL = 0;
const errno = (code: number) => 0x50000 | code;
const AMD64 = "SCMP_ARCH_X86_64";
const X86 = "SCMP_ARCH_X86";
const X32 = "SCMP_ARCH_X32";

/** Classic BPF, interpreted as the kernel does (Documentation/networking/filter.rst). */
function run(program: Uint8Array, audit: number, nr: number, args: readonly bigint[] = []): number {
  const code = new DataView(program.buffer);
  const data = new DataView(new ArrayBuffer(64));
  data.setUint32(0, nr, true);
  data.setUint32(4, audit, true);
  args.forEach((arg, i) => {
    data.setBigUint64(16 + 8 * i, arg, true);
  });
  let a = 0;
  for (let pc = 0; ; pc++) {
    const op = code.getUint16(pc * 8, true);
    const k = code.getUint32(pc * 8 + 4, true);
    if (op === 0x06) return k;
    if (op === 0x20) a = data.getUint32(k, true);
    else if (op === 0x54) a = (a & k) >>> 0;
    else if (op === 0x05) pc += k;
    else if (op === 0x15 || op === 0x25 || op === 0x35) {
      const yes = op === 0x15 ? a === k : op === 0x25 ? a > k : a >= k;
      pc += code.getUint8(pc * 8 + (yes ? 2 : 3));
    } else throw new Error(`opcode ${op}`);
  }
}

function call(profile: Seccomp, arch: string, name: string, ...args: bigint[]): number {
  const { audit, bit, numbers } = architectureOf(arch)!;
  return run(compileSeccomp(profile), audit, (bit | numbers.get(name)!) >>> 0, args);
}

const deny = (syscalls: Seccomp["syscalls"], architectures = [AMD64, X86, X32]): Seccomp => ({
  defaultAction: "SCMP_ACT_ERRNO",
  architectures,
  syscalls,
});
const allow = (names: string[], args?: NonNullable<Seccomp["syscalls"]>[number]["args"]) => ({
  names,
  action: "SCMP_ACT_ALLOW",
  args,
});

test("seccomp: every number of every architecture gets what the profile says, by a search tree over many ranges", () => {
  const names = [...architectureOf(AMD64)!.numbers.keys(), "waitpid", "socketcall"].filter((_, i) => i % 3);
  const profile = deny([allow(names), { names: ["clone3"], action: "SCMP_ACT_ERRNO", errnoRet: 38 }]);
  const program = compileSeccomp(profile);
  for (const arch of [AMD64, X86, X32]) {
    const { audit, bit, numbers } = architectureOf(arch)!;
    const byNumber = new Map([...numbers].map(([name, number]) => [number, name]));
    const last = Math.max(...names.map((name) => numbers.get(name) ?? -1), numbers.get("clone3")!);
    for (let nr = 0; nr < 600; nr++) {
      const name = byNumber.get(nr);
      let expected = errno(nr > last ? 38 : 1);
      if (name && names.includes(name)) expected = ALLOW;
      else if (name === "clone3") expected = errno(38);
      expect([arch, nr, run(program, audit, (bit | nr) >>> 0)]).toEqual([arch, nr, expected]);
    }
  }
});

test("seccomp: an architecture that is not listed kills the thread, an x32 number among them", () => {
  const program = compileSeccomp(deny([allow(["read"])], [AMD64]));
  expect(run(program, 0xc00000b7, 0)).toBe(KILL);
  expect(run(program, architectureOf(X86)!.audit, 3)).toBe(KILL);
  expect(run(program, architectureOf(AMD64)!.audit, 0x40000000)).toBe(KILL);
  expect(run(program, architectureOf(AMD64)!.audit, 0)).toBe(ALLOW);
});

test("seccomp: a call that a tracer cancelled (-1) is not taken for x32", () => {
  const program = compileSeccomp(deny([allow(["read"])], [AMD64]));
  expect(run(program, architectureOf(AMD64)!.audit, 0xffffffff)).toBe(errno(1));
});

const SAMPLES = [
  0n,
  1n,
  0xfffffffen,
  0xffffffffn,
  0x1_0000_0000n,
  0x1_0000_0001n,
  0x7e020000n,
  0x2_ffff_ffffn,
  2n ** 64n - 1n,
];
const OPS: Record<string, (a: bigint, b: bigint, mask: bigint) => boolean> = {
  SCMP_CMP_EQ: (a, b) => a === b,
  SCMP_CMP_NE: (a, b) => a !== b,
  SCMP_CMP_GT: (a, b) => a > b,
  SCMP_CMP_GE: (a, b) => a >= b,
  SCMP_CMP_LT: (a, b) => a < b,
  SCMP_CMP_LE: (a, b) => a <= b,
  SCMP_CMP_MASKED_EQ: (a, b, mask) => (a & mask) === (b & mask),
};

test.each(Object.keys(OPS))("seccomp: %s compares all 64 bits", (op) => {
  for (const wanted of SAMPLES)
    for (const mask of op === "SCMP_CMP_MASKED_EQ" ? SAMPLES : [0n]) {
      const args = op === "SCMP_CMP_MASKED_EQ" ? { value: mask, valueTwo: wanted } : { value: wanted };
      const profile = deny([allow(["clone"], [{ index: 2, op, ...args }])]);
      for (const actual of SAMPLES)
        expect([wanted, mask, actual, call(profile, AMD64, "clone", 7n, 7n, actual)]).toEqual([
          wanted,
          mask,
          actual,
          OPS[op]!(actual, wanted, mask) ? ALLOW : errno(1),
        ]);
    }
});

test("seccomp: conditions on different arguments must all hold", () => {
  const profile = deny([
    allow(
      ["socket"],
      [
        { index: 0, op: "SCMP_CMP_EQ", value: 2 },
        { index: 1, op: "SCMP_CMP_NE", value: 3 },
        { index: 2, op: "SCMP_CMP_LT", value: 6 },
      ],
    ),
  ]);
  expect(call(profile, AMD64, "socket", 2n, 1n, 5n)).toBe(ALLOW);
  expect(call(profile, AMD64, "socket", 2n, 3n, 5n)).toBe(errno(1));
  expect(call(profile, AMD64, "socket", 2n, 1n, 6n)).toBe(errno(1));
  expect(call(profile, AMD64, "socket", 1n, 1n, 5n)).toBe(errno(1));
});

test("seccomp: any of several conditions on one argument suffices, in one rule or in several", () => {
  const either = [0, 8].map((value) => ({ index: 0, op: "SCMP_CMP_EQ", value }));
  const together = deny([allow(["personality"], either)]);
  const apart = deny(either.map((arg) => allow(["personality"], [arg])));
  for (const profile of [together, apart])
    for (const [value, result] of [
      [0n, ALLOW],
      [8n, ALLOW],
      [9n, errno(1)],
    ] as const)
      expect(call(profile, AMD64, "personality", value)).toBe(result);
});

test("seccomp: a rule without conditions beats those with, whatever their order", () => {
  const narrow = allow(["ptrace"], [{ index: 0, op: "SCMP_CMP_EQ", value: 1 }]);
  const wide = { names: ["ptrace"], action: "SCMP_ACT_ERRNO", errnoRet: 38 };
  for (const rules of [
    [narrow, wide],
    [wide, narrow],
  ])
    expect(call(deny(rules), AMD64, "ptrace", 1n)).toBe(errno(38));
});

test("seccomp: where arguments have 32 bits only the low halves count", () => {
  const profile = deny([
    allow(["personality"], [{ index: 0, op: "SCMP_CMP_EQ", value: 0xffffffffffffffffn }]),
  ]);
  expect(call(profile, X86, "personality", 0xffffffffn)).toBe(ALLOW);
  expect(call(profile, X32, "personality", 0x7_ffff_ffffn)).toBe(ALLOW);
  expect(call(profile, AMD64, "personality", 0xffffffffn)).toBe(errno(1));
});

test("seccomp: a socket call that is allowed on i386 is allowed through socketcall too, and no other", () => {
  const profile = deny([allow(["connect"])]);
  expect(call(profile, X86, "socketcall", 3n)).toBe(ALLOW);
  expect(call(profile, X86, "socketcall", 1n)).toBe(errno(1));
});

test("seccomp: unknown system calls are skipped, unknown actions and operators refused", () => {
  expect(call(deny([allow(["read", "not_a_call"])]), AMD64, "read")).toBe(ALLOW);
  expect(() => compileSeccomp(deny([{ names: ["read"], action: "SCMP_ACT_NONSENSE" }]))).toThrow(EngineError);
  expect(() => compileSeccomp(deny([allow(["read"], [{ index: 0, op: "~", value: 0 }])]))).toThrow(
    EngineError,
  );
  expect(() => compileSeccomp(deny([{ names: ["read"], action: "SCMP_ACT_NOTIFY" }]))).toThrow(EngineError);
});

test("seccomp: a permissive profile lets later system calls through", () => {
  const profile: Seccomp = {
    defaultAction: "SCMP_ACT_ALLOW",
    syscalls: [{ names: ["mkdir"], action: "SCMP_ACT_KILL_PROCESS" }],
  };
  expect(call(profile, AMD64, "mkdir")).toBe(0x80000000);
  expect(run(compileSeccomp(profile), architectureOf(AMD64)!.audit, 600)).toBe(ALLOW);
});

test("seccomp: the same content is compiled once", () => {
  const profile = deny([allow(["read", "write"])]);
  expect(compileSeccomp(structuredClone(profile))).toBe(compileSeccomp(profile));
});

test("seccomp: without flags the speculation mitigation is left as it is; unknown flags are refused", () => {
  expect(seccompFlags(deny([]))).toBe(4);
  expect(seccompFlags({ ...deny([]), flags: [] })).toBe(0);
  expect(() => seccompFlags({ ...deny([]), flags: ["X"] })).toThrow(EngineError);
});
