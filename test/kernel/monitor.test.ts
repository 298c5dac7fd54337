import { afterAll, expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { newId } from "../../src/base/id.ts";
import type { Stdio } from "../../src/execdriver/driver.ts";
import { NativeDriver } from "../../src/execdriver/native.ts";
import type { Mount } from "../../src/oci/runtime.ts";
import { outputOf, QUIET, running, until } from "../contract/execdriver.ts";
import { NativeBench, READ } from "../native.ts";

const bench = new NativeBench();
const { folder, root, log, spec: specFor, rootfs: overlayFor } = bench;

afterAll(() => bench.close());

test("terminal: has a size, is resized, and answers on one stream", async () => {
  const attach = [{ stdin: true, stdout: true, stderr: true }];
  const stdio: Stdio = { tty: true, openStdin: true, stdinOnce: true, attach };
  await using c = await running(
    bench,
    "tty; stty size; read x; stty size; ls -l /dev/console; echo $x",
    stdio,
    {
      terminal: true,
      consoleSize: { height: 33, width: 77 },
    },
  );
  const [peer] = c.process.attached;
  let seen = "";
  const reading = (async () => {
    for await (const chunk of peer!.input) seen += Buffer.from(chunk).toString();
  })();
  await until(() => seen.includes("33 77"));
  await c.process.resize(40, 100);
  await peer!.write(Buffer.from("typed\n"));
  await reading;
  expect(seen).toMatch(
    /\/dev\/pts\/0\r\n33 77\r\ntyped\r\n40 100\r\ncrw.*136, +0 .*\/dev\/console\r\ntyped\r\n$/s,
  );
});

test("exec with a terminal, as a user, in another folder", async () => {
  await using c = await running(bench, "exec sleep 1000");
  const { process: base } = specFor("x", ["sh", "-c", "tty; id -u; pwd; stty size"]);
  const exec = await bench.driver.exec({
    container: c.id,
    id: newId(),
    process: {
      ...base,
      terminal: true,
      consoleSize: { height: 5, width: 6 },
      user: { uid: 1000, gid: 1000 },
      cwd: "/tmp",
    },
    stdio: {
      tty: true,
      openStdin: false,
      stdinOnce: false,
      attach: [{ stdin: false, stdout: true, stderr: true }],
    },
  });
  let seen = "";
  for await (const chunk of exec.attached[0]!.input) seen += Buffer.from(chunk).toString();
  expect(seen).toBe("/dev/pts/0\r\n1000\r\n/tmp\r\n5 6\r\n");
  expect((await exec.exited).code).toBe(0);
});

test("log: Docker's format, long lines in pieces, no end of line at the end", async () => {
  const path = join(folder, "test.log");
  const stdio = { ...QUIET, log: { path, maxSize: 0, maxFiles: 1 } };
  const line = `printf 'a<b>&"\\\\\\t\\n'; printf '\\377\\xe2\\x82\\xac\\n' >&2; head -c 20000 /dev/zero; printf end`;
  await using c = await running(bench, line, stdio);
  await c.process.exited;
  const entries = readFileSync(path, "utf8").trimEnd().split("\n");
  expect(
    entries.some((e) =>
      e.startsWith('{"log":"a\\u003cb\\u003e\\u0026\\"\\\\\\u0009\\n","stream":"stdout","time":"20'),
    ),
  ).toBe(true);
  const parsed = entries.map((e) => JSON.parse(e) as { log: string; stream: string; time: string });
  const of = (stream: string) => parsed.filter((e) => e.stream === stream).map((e) => e.log);
  expect(of("stderr")).toEqual(["\ufffd€\n"]);
  expect(of("stdout").map((e) => e.length)).toEqual([9, 16384, 20000 - 16384 + 3]);
  expect(
    parsed.every((e) => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/.test(e.time) && !/0Z$/.test(e.time)),
  ).toBe(true);
});

test("log: rotation keeps as many files as asked for", async () => {
  const path = join(folder, "rotated.log");
  const stdio = { ...QUIET, log: { path, maxSize: 10_000, maxFiles: 3 } };
  await using c = await running(bench, "yes 0123456789 | head -n 1000", stdio);
  await c.process.exited;
  const sizes = [path, `${path}.1`, `${path}.2`].map((file) => Bun.file(file).size);
  expect(sizes.slice(1).every((size) => size >= 10_000 && size < 10_200)).toBe(true);
  expect(await Bun.file(`${path}.3`).exists()).toBe(false);
});

test("a reader that does not read holds the container back, and goes without harm", async () => {
  await using c = await running(
    bench,
    "i=0; while :; do echo line; i=$((i+1)); echo $i > /progress; done",
    READ,
  );
  const progress = join(folder, "layers", c.id, "upper/progress");
  const seen = () => (existsSync(progress) ? Number(readFileSync(progress, "utf8")) : 0);
  await until(() => seen() > 100);
  let last = -1;
  await until(async () => {
    const now = seen();
    const stands = now === last;
    last = now;
    await Bun.sleep(100);
    return stands;
  });
  c.process.attached[0]!.close();
  await until(() => seen() > last + 1000);
});

test("daemon killed: containers and their logs go on, and are adopted with their exit codes", async () => {
  const ids = Array.from({ length: 5 }, newId);
  const ends = join(folder, "ends");
  mkdirSync(ends);
  const mounts: Mount[] = [{ destination: "/ends", type: "bind", source: ends, options: ["bind"] }];
  const requests = ids.map((id, index) => ({
    id,
    spec: specFor(
      id,
      ["sh", "-c", `while [ ! -e /ends/${index} ]; do echo tick; sleep 0.02; done; exit ${index}`],
      { mounts },
    ),
    rootfs: overlayFor(id),
    stdio: { ...QUIET, log: { path: join(folder, `${id}.log`), maxSize: 0, maxFiles: 1 } },
  }));
  const daemon = Bun.spawn([process.execPath, join(import.meta.dir, "../fake/starter.ts"), root], {
    stdin: new Blob([JSON.stringify(requests)]),
    stdout: "pipe",
    stderr: "inherit",
  });
  await daemon.stdout.getReader().read();
  daemon.kill("SIGKILL");
  await daemon.exited;
  const size = () => Bun.file(join(folder, `${ids[0]}.log`)).size;
  const before = size();
  await until(() => size() > before);
  writeFileSync(join(ends, "0"), ""); // one ends while nobody is there
  await until(() => existsSync(join(root, ids[0]!, "exit")));
  const driver = new NativeDriver({ root, owner: "test", log });
  const adopted = await Promise.all(ids.map((id) => driver.adopt(id, { tty: false })));
  for (const index of ids.keys()) writeFileSync(join(ends, String(index)), "");
  expect(await Promise.all(adopted.map(async (p) => (await p!.exited).code))).toEqual([0, 1, 2, 3, 4]);
  for (const id of ids) await driver.delete(id);
});

test("adopt: another daemon finds it running, attached and with its exit code", async () => {
  await using c = await running(bench, "read x; echo $x; exit 4", { ...READ, openStdin: true });
  const other = new NativeDriver({ root, owner: "test", log });
  const adopted = await other.adopt(c.id, { tty: false });
  expect(adopted?.pid).toBe(c.process.pid);
  const peer = await adopted!.attach({ stdin: true, stdout: true, stderr: true });
  await peer.write(Buffer.from("hello\n"));
  expect((await outputOf(peer)).stdout).toBe("hello\n");
  expect(await adopted!.exited).toMatchObject({ code: 4 });
  const later = await new NativeDriver({ root, owner: "test", log }).adopt(c.id, { tty: false });
  expect(await later!.exited).toMatchObject({ code: 4 });
});

test("sweep: what a later daemon of the same engine does not know is killed and removed; another engine's is left alone", async () => {
  await using c = await running(bench, "exec sleep 1000", READ);
  await new NativeDriver({ root, owner: "another", log }).sweep(new Set());
  await new NativeDriver({ root, owner: "test", log }).sweep(new Set([c.id]));
  expect(existsSync(`/proc/${c.process.pid}`)).toBe(true);
  await new NativeDriver({ root, owner: "test", log }).sweep(new Set());
  expect((await c.process.exited).code).toBe(137);
  expect(existsSync(join(root, c.id))).toBe(false);
});
