import { afterAll, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { engineId, lockRoot, writePidFile } from "./host.ts";

const folder = mkdtempSync(join(tmpdir(), "bunker-host-"));
afterAll(() => rmSync(folder, { recursive: true }));

test("pid file: written, removed, and not written when none is wanted", () => {
  const path = join(folder, "deep/bunker.pid");
  const remove = writePidFile(path);
  expect(readFileSync(path, "utf8")).toBe(String(process.pid));
  remove();
  expect(existsSync(path)).toBe(false);
  writePidFile("")();
});

test("pid file: a living process is refused by its number, a dead one and a zombie are not", async () => {
  const path = join(folder, "taken.pid");
  writeFileSync(path, `${process.ppid}\n`);
  expect(() => writePidFile(path)).toThrow(`process with PID ${process.ppid} is still running`);
  writeFileSync(path, "4194305");
  writePidFile(path)();
  writeFileSync(path, "not a number");
  writePidFile(path)();
});

test("data root: a second daemon is refused by the first one's number", () => {
  const root = join(folder, "root");
  const lock = lockRoot(root);
  expect(() => lockRoot(root)).toThrow(
    `another bunker daemon (process ${process.pid}) uses the data root ${root}`,
  );
  lock.release();
  lockRoot(root).release();
});

test("engine id: stays the same for a data root", () => {
  const id = engineId(folder);
  expect(id).toMatch(/^[0-9a-f-]{36}$/);
  expect(engineId(folder)).toBe(id);
});
