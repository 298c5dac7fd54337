import { afterEach, beforeEach, expect, test } from "bun:test";
import { appendFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type LogRequest, readLog } from "./logs.ts";

let folder = "";
let path = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "log-"));
  path = join(folder, "x-json.log");
});
afterEach(() => rmSync(folder, { recursive: true }));

const entry = (log: string, stream = "stdout", time = "2026-11-22T00:50:47.8Z", attrs?: object): string =>
  `${JSON.stringify({ log, stream, ...(attrs ? { attrs } : {}), time })}\n`;
const ALL: LogRequest = {
  stdout: true,
  stderr: true,
  framed: false,
  timestamps: false,
  details: false,
  signal: new AbortController().signal,
};

async function read(request: Partial<LogRequest> = {}): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of readLog(path, { ...ALL, ...request })) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

test("logs: a container without a log file has an empty log", async () => {
  expect(await read()).toBe("");
  expect(await read({ tail: 3 })).toBe("");
});

test("logs: text comes back to the byte, whatever had to be escaped", async () => {
  const texts = [
    "plain\n",
    'quote " slash \\ / tab\t\n',
    "ünïcödé 漢字 \u{1f600}\n",
    "\u0000\u001b[31mred\u2028\n",
    "no end",
    "\r\n",
    "\n",
    "",
  ];
  writeFileSync(path, texts.map((text) => entry(text)).join(""));
  expect(await read()).toBe(texts.join(""));
});

test("logs: escapes as other writers make them are undone", async () => {
  const time = '"time":"2026-11-22T00:50:47.805476495Z"}\n';
  writeFileSync(
    path,
    `{"log":"\\u003ca\\u0026b\\u003e \\ud83d\\ude00 \\/ \\b\\f\\n","stream":"stdout",${time}`,
  );
  expect(await read()).toBe("<a&b> \u{1f600} / \b\f\n");
});

test("logs: frames say which stream, and streams can be left out", async () => {
  writeFileSync(path, entry("out\n") + entry("err\n", "stderr"));
  expect(await read({ framed: true })).toBe("\x01\0\0\0\0\0\0\x04out\n\x02\0\0\0\0\0\0\x04err\n");
  expect(await read({ stdout: false })).toBe("err\n");
});

test("logs: timestamps have nine digits, in the frame", async () => {
  writeFileSync(path, entry("a\n") + entry("b\n", "stdout", "2026-11-22T00:50:48Z"));
  expect(await read({ timestamps: true })).toBe(
    "2026-11-22T00:50:47.800000000Z a\n2026-11-22T00:50:48.000000000Z b\n",
  );
  expect(await read({ timestamps: true, framed: true, tail: 1 })).toBe(
    "\x01\0\0\0\0\0\0\x212026-11-22T00:50:48.000000000Z b\n",
  );
});

test("logs: since and until hold to the nanosecond", async () => {
  const times = ["47.1Z", "47.2Z", "47.200000001Z", "48Z"].map((time) => `2026-11-22T00:50:${time}`);
  writeFileSync(path, times.map((time, index) => entry(`${index}\n`, "stdout", time)).join(""));
  expect(await read({ since: "2026-11-22T00:50:47.200000001Z" })).toBe("2\n3\n");
  expect(await read({ until: "2026-11-22T00:50:47.200000000Z" })).toBe("0\n1\n");
});

test("logs: a line with attributes shows them only as details", async () => {
  writeFileSync(path, entry("x\n", "stdout", "2026-11-22T00:50:47.8Z", { b: "2 3", a: "1" }));
  expect(await read()).toBe("x\n");
  expect(await read({ details: true })).toBe("a=1,b=2%203 x\n");
});

test("logs: a line that a crash cut off is left out", async () => {
  writeFileSync(path, `${entry("a\n")}{"log":"half\n${entry("b\n")}{"log":"no en`);
  expect(await read()).toBe("a\nb\n");
});

test("logs: tail counts lines from the end, over rotated files", async () => {
  writeFileSync(`${path}.2`, entry("1\n") + entry("2\n"));
  writeFileSync(`${path}.1`, entry("3\n") + entry("4\n"));
  writeFileSync(path, entry("5\n"));
  expect(await read()).toBe("1\n2\n3\n4\n5\n");
  for (const [tail, want] of [
    [0, ""],
    [1, "5\n"],
    [2, "4\n5\n"],
    [4, "2\n3\n4\n5\n"],
    [9, "1\n2\n3\n4\n5\n"],
  ] as const)
    expect(await read({ tail })).toBe(want);
});

test("logs: lines longer than a block, and blocks that end within a line, come whole", async () => {
  const texts = Array.from({ length: 40 }, (_, index) => `${String(index).repeat(10_000 * index)}\n`);
  writeFileSync(path, texts.map((text) => entry(text)).join(""));
  expect(await read()).toBe(texts.join(""));
  expect(await read({ tail: 5 })).toBe(texts.slice(-5).join(""));
  writeFileSync(path, entry(`${"x".repeat(2_000_000)}\n`));
  expect((await read()).length).toBe(2_000_001);
});

test("logs: following sees what is written, over rotation, and ends when the container has ended", async () => {
  writeFileSync(path, entry("0\n"));
  const ended = new AbortController();
  const got = read({ follow: ended.signal });
  for (let index = 1; index <= 60; index++) {
    if (index % 20 === 0) renameRotated();
    appendFileSync(path, entry(`${index}\n`));
    if (index % 7 === 0) await Bun.sleep(3);
  }
  ended.abort();
  appendFileSync(path, "");
  expect(await got).toBe(Array.from({ length: 61 }, (_, index) => `${index}\n`).join(""));
});

test("logs: following stops when the reader goes", async () => {
  const gone = new AbortController();
  const got = read({ follow: new AbortController().signal, signal: gone.signal });
  writeFileSync(path, entry("a\n"));
  await Bun.sleep(5);
  gone.abort();
  expect(["", "a\n"]).toContain(await got);
});

let rotated = 0;
function renameRotated(): void {
  for (let index = rotated; index > 0; index--) renameSync(`${path}.${index}`, `${path}.${index + 1}`);
  renameSync(path, `${path}.1`);
  rotated++;
}
