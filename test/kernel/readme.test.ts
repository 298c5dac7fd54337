import { expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { command, TestDaemon } from "../daemon.ts";

setDefaultTimeout(60_000);

const ROOT = join(import.meta.dir, "../..");

/** A TypeScript block of README.md and the output that stands behind it in the next `text` block. */
const EXAMPLE = /```ts\n([\s\S]*?)```\s+```text\n([\s\S]*?)```/g;

test("the scripting examples of README.md run as they stand and print what it says", async () => {
  const examples = [...(await Bun.file(join(ROOT, "README.md")).text()).matchAll(EXAMPLE)];
  expect(examples).toHaveLength(2);
  await using daemon = await TestDaemon.withBusybox();
  const folder = join(ROOT, "dist/readme"); // within the package: there "bunker" is its own name
  mkdirSync(folder, { recursive: true });
  for (const [index, [, code, output]] of examples.entries()) {
    const file = join(folder, `example${index}.ts`);
    writeFileSync(file, code!);
    const result = await command([process.execPath, file], { env: daemon.env });
    expect(result).toEqual({ code: 0, stdout: output!, stderr: "" });
  }
  rmSync(folder, { recursive: true });
});

test("README.md names no command that bunker has not", async () => {
  const text = await Bun.file(join(ROOT, "README.md")).text();
  const { ROWS } = await import("../../src/cli/rows.ts");
  const known = new Set<string | undefined>(ROWS.map((row) => row.top));
  const examples = [...text.matchAll(/^bunker ([a-z]+)/gm)].map(([, verb]) => verb!);
  expect(examples.length).toBeGreaterThan(3);
  expect(examples.filter((verb) => !known.has(verb))).toEqual([]);
});
