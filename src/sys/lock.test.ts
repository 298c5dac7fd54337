import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LockFile } from "./lock.ts";

const folder = mkdtempSync(join(tmpdir(), "bunker-lock-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("lock: the second one is told who has it, and gets it after that one", () => {
  const path = join(folder, "lock");
  const first = LockFile.take(path) as LockFile;
  expect(first).toBeInstanceOf(LockFile);
  expect(readFileSync(path, "utf8")).toBe(String(process.pid));
  expect(LockFile.take(path)).toBe(process.pid);
  first.release();
  const next = LockFile.take(path) as LockFile;
  expect(next).toBeInstanceOf(LockFile);
  next.release();
});
