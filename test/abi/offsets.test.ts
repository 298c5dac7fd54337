import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  FAILED,
  FD_FIRST,
  HELLO,
  KINDS,
  MESSAGE,
  MESSAGE_SIZE,
  MESSAGE_TYPE,
  PLAN,
  PLAN_FLAG,
  PLAN_MAGIC,
  PLAN_SIZE,
  STEP,
  STEP_FLAG,
  STEP_SIZE,
  STREAM,
} from "../../ffi/plan.ts";

const FFI = join(import.meta.dir, "../../ffi");

/** Every number that both sides of a plan must agree on: the C expression, and what TypeScript says. */
function agreements(): [string, number][] {
  const constants = (prefix: string, table: Record<string, number>): [string, number][] =>
    Object.entries(table).map(([name, value]) => [`${prefix}${name}`, value]);
  const offsets = (struct: string, table: Record<string, number>): [string, number][] =>
    Object.entries(table).map(([name, value]) => [`offsetof(struct ${struct}, ${name})`, value]);
  return [
    ["PLAN_MAGIC", PLAN_MAGIC],
    ["FD_PLAN + 1", FD_FIRST],
    ["sizeof(struct plan)", PLAN_SIZE],
    ["sizeof(struct step)", STEP_SIZE],
    ["sizeof(struct message)", MESSAGE_SIZE],
    ["sizeof(struct attach)", 8],
    ["STEP_END - 1", KINDS.length],
    ["HELLO_CONTROL", HELLO.CONTROL],
    ["HELLO_ATTACH", HELLO.ATTACH],
    ...offsets("plan", PLAN),
    ...offsets("step", STEP),
    ...offsets("message", MESSAGE),
    ...KINDS.map((kind, index): [string, number] => [`STEP_${kind}`, index + 1]),
    ...constants("PLAN_", PLAN_FLAG),
    ...constants("STREAM_", STREAM),
    ...constants("F_", STEP_FLAG),
    ...constants("MESSAGE_", MESSAGE_TYPE),
    ...constants("FAILED_", FAILED),
  ];
}

test("plan.h and plan.ts say the same", () => {
  const all = agreements();
  const folder = mkdtempSync("/tmp/bk-abi-");
  try {
    const lines = all.map(([expression]) => `printf("%lld\\n", (long long)(${expression}));`);
    writeFileSync(
      join(folder, "abi.c"),
      `#include "${FFI}/monitor/plan.h"\n#include <stddef.h>\n#include <stdio.h>\nint main(void) {\n${lines.join("\n")}\nreturn 0;\n}\n`,
    );
    const cc = Bun.spawnSync(["cc", "-std=c11", "-o", join(folder, "abi"), join(folder, "abi.c")]);
    expect(cc.stderr.toString()).toBe("");
    const numbers = Bun.spawnSync([join(folder, "abi")])
      .stdout.toString()
      .trim()
      .split("\n")
      .map(Number);
    expect(all.map(([name], index) => [name, numbers[index]])).toEqual(all);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("every function of shim.h is in shim.ts with as many arguments, and no other", () => {
  const header = readFileSync(join(FFI, "shim/shim.h"), "utf8");
  const inHeader = [...header.matchAll(/^\w[\w ]*?\*?(bk_\w+)\(([^)]*)\);/gm)].map(
    ([, name, list]) => [name, list === "void" ? 0 : list!.split(",").length] as const,
  );
  const table = readFileSync(join(FFI, "shim.ts"), "utf8");
  const inTable = [...table.matchAll(/^ {2}(bk_\w+): \{\s*args: \[([^\]]*)\]/gm)].map(
    ([, name, list]) => [name, list!.split(",").filter((arg) => arg.trim() !== "").length] as const,
  );
  expect(Object.fromEntries(inTable)).toEqual(Object.fromEntries(inHeader));
});
