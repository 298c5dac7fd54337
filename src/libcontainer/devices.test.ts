import { expect, test } from "bun:test";
import { deviceProgram } from "./device_program.ts";
import { deviceLine, devicePolicy } from "./devices.ts";

const all = { allow: false, access: "rwm" };
const lines = (rules: Parameters<typeof devicePolicy>[0]) => devicePolicy(rules)!.exceptions.map(deviceLine);

test("devices: Docker's rules come to the list that a default container shows", () => {
  const fuse = { allow: false, type: "c" as const, major: 10, minor: 229, access: "rwm" };
  const console = { allow: true, type: "c" as const, major: 5, minor: 1, access: "rwm" };
  expect(lines([all, console, fuse, all, console, fuse]).sort()).toEqual(
    [
      "b *:* m",
      "c *:* m",
      "c 1:3 rwm",
      "c 1:5 rwm",
      "c 1:7 rwm",
      "c 1:8 rwm",
      "c 1:9 rwm",
      "c 10:200 rwm",
      "c 136:* rwm",
      "c 5:0 rwm",
      "c 5:1 rwm",
      "c 5:2 rwm",
    ].sort(),
  );
});

test("devices: what is allowed everywhere has no exceptions left", () => {
  expect(devicePolicy([all, { allow: true, access: "rwm" }])).toEqual({ allow: true, exceptions: [] });
});

test("devices: letters of one device are added and taken away one by one", () => {
  const disk = { type: "b" as const, major: 8, minor: 0 };
  expect(
    lines([all, { ...disk, allow: true, access: "rw" }, { ...disk, allow: false, access: "w" }]),
  ).toContain("b 8:0 r");
});

test("devices: without any rule nothing is restricted", () => {
  expect(devicePolicy(undefined)).toBeUndefined();
  expect(devicePolicy([])).toBeUndefined();
});

/** The eBPF of device_program.ts, interpreted. */
function allowed(
  program: Uint8Array,
  type: "b" | "c",
  major: number,
  minor: number,
  access: string,
): boolean {
  const view = new DataView(program.buffer);
  const bits = [...access].reduce((sum, letter) => sum | { m: 1, r: 2, w: 4 }[letter]!, 0);
  const context = [(bits << 16) | (type === "b" ? 1 : 2), major, minor];
  const r = new Array<number>(11).fill(0);
  for (let pc = 0; ; pc++) {
    const code = view.getUint8(pc * 8);
    const dst = view.getUint8(pc * 8 + 1) & 15;
    const src = view.getUint8(pc * 8 + 1) >> 4;
    const off = view.getInt16(pc * 8 + 2, true);
    const imm = view.getInt32(pc * 8 + 4, true);
    if (code === 0x95) return r[0] === 1;
    if (code === 0x61) r[dst] = context[off / 4]!;
    else if (code === 0xbc) r[dst] = r[src]!;
    else if (code === 0x54) r[dst]! &= imm;
    else if (code === 0x74) r[dst]! >>>= imm;
    else if (code === 0xb7) r[dst] = imm;
    else if (code === 0x55) pc += r[dst] !== imm ? off : 0;
    else if (code === 0x15) pc += r[dst] === imm ? off : 0;
    else throw new Error(`opcode ${code}`);
  }
}

test("devices: the program of a closed policy allows what one rule covers wholly, and nothing else", () => {
  const program = deviceProgram(devicePolicy([all, { allow: true, type: "b", major: 8, access: "r" }])!);
  expect(allowed(program, "c", 1, 3, "rw")).toBe(true);
  expect(allowed(program, "c", 1, 4, "r")).toBe(false);
  expect(allowed(program, "b", 1, 3, "r")).toBe(false);
  expect(allowed(program, "c", 136, 7, "rw")).toBe(true);
  expect(allowed(program, "b", 8, 5, "r")).toBe(true);
  expect(allowed(program, "b", 8, 5, "rw")).toBe(false);
  expect(allowed(program, "b", 9, 5, "m")).toBe(true);
});

test("devices: the program of an open policy denies what a rule touches", () => {
  const program = deviceProgram({
    allow: true,
    exceptions: [{ type: "c", major: 10, minor: 229, access: "w" }],
  });
  expect(allowed(program, "c", 10, 229, "rw")).toBe(false);
  expect(allowed(program, "c", 10, 229, "r")).toBe(true);
  expect(allowed(program, "c", 10, 228, "rw")).toBe(true);
});
