import { expect, test } from "bun:test";
import { logOptions, parsePort } from "./check.ts";
import { commandOf, mergeConfig } from "./merge.ts";
import { randomName } from "./names.ts";
import { columnsOf, processTable } from "./processes.ts";
import { nextDelay, shouldRestart } from "./restart.ts";
import { parseSignal } from "./signals.ts";

test("signals: by number and by name, as Docker reads them", () => {
  for (const [text, number] of [
    ["9", 9],
    ["KILL", 9],
    ["sigterm", 15],
    ["RTMIN+3", 37],
    ["SIGRTMAX-1", 63],
  ] as const)
    expect(parseSignal(text)).toBe(number);
  for (const text of ["ZZ", "0", "99", "RTMIN+40", "-1", ""])
    expect(() => parseSignal(text)).toThrow(`invalid signal: ${text}`);
});

test("restart policies: who runs again", () => {
  const run = { exitCode: 1, restartCount: 0, stoppedByUser: false };
  expect(shouldRestart(undefined, run)).toBe(false);
  expect(shouldRestart({ Name: "always" }, { ...run, exitCode: 0, stoppedByUser: true })).toBe(true);
  expect(shouldRestart({ Name: "unless-stopped" }, { ...run, stoppedByUser: true })).toBe(false);
  expect(shouldRestart({ Name: "on-failure" }, run)).toBe(true);
  expect(shouldRestart({ Name: "on-failure" }, { ...run, exitCode: 0 })).toBe(false);
  expect(shouldRestart({ Name: "on-failure", MaximumRetryCount: 2 }, { ...run, restartCount: 2 })).toBe(
    false,
  );
});

test("restart policies: 100 ms, doubled up to a minute, anew after ten good seconds", () => {
  const delays = [undefined, 100, 200, 40_000, 60_000].map((last) => nextDelay(last, 50));
  expect(delays).toEqual([100, 200, 400, 60_000, 60_000]);
  expect(nextDelay(60_000, 10_000)).toBe(100);
});

test("merge: the image's defaults fill in; an own entrypoint drops the image's command", () => {
  const image = { Entrypoint: ["/e"], Cmd: ["c"], Env: ["A=1", "B=2"], Labels: { x: "1" }, User: "u" };
  const merged = mergeConfig({ Env: ["B=3"], Labels: { y: "2" } }, image);
  expect(merged).toMatchObject({ Env: ["B=3", "A=1"], Labels: { x: "1", y: "2" }, User: "u" });
  expect(commandOf(merged)).toEqual({ path: "/e", args: ["c"] });
  expect(commandOf(mergeConfig({ Cmd: ["d"] }, image))).toEqual({ path: "/e", args: ["d"] });
  expect(commandOf(mergeConfig({ Entrypoint: ["/f"] }, image))).toEqual({ path: "/f", args: [] });
  expect(commandOf(mergeConfig({ Entrypoint: [""], Cmd: ["g"] }, image))).toEqual({ path: "g", args: [] });
  expect(commandOf(mergeConfig({ Entrypoint: [""] }, image))).toBeUndefined();
});

test("names: never boring_wozniak, a digit on a clash, the short id at last", () => {
  const id = "0123456789abcdef";
  expect(randomName(id, () => false)).toMatch(/^[a-z]+_[a-z]+$/);
  expect(randomName(id, () => true)).toBe("0123456789ab");
  let calls = 0;
  expect(randomName(id, () => calls++ < 1)).toMatch(/^[a-z]+_[a-z]+\d$/);
});

test("ports and log options", () => {
  expect(parsePort("80")).toEqual({ first: 80, last: 80, proto: "tcp" });
  expect(parsePort("8000-8010/UDP")).toEqual({ first: 8000, last: 8010, proto: "udp" });
  for (const bad of ["zz", "99999", "9-8", "0", "80/zz"])
    expect(() => parsePort(bad)).toThrow("invalid port specification");
  expect(logOptions({ Type: "json-file", Config: { "max-size": "10m", "max-file": "3" } })).toEqual({
    kind: "json-file",
    maxSize: 10 * 2 ** 20,
    maxFiles: 3,
  });
  expect(() => logOptions({ Type: "", Config: { zz: "1" } })).toThrow(
    "unknown log opt 'zz' for json-file log driver",
  );
  expect(() => logOptions({ Type: "zz" })).toThrow(
    'error looking up logging plugin zz: plugin "zz" not found',
  );
});

test("top: the columns of ps, from /proc", () => {
  const titles = (args: string) => columnsOf(args).map(([title]) => title);
  expect(titles("")).toEqual(["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"]);
  expect(titles("aux")).toEqual([
    "USER",
    "PID",
    "%CPU",
    "%MEM",
    "VSZ",
    "RSS",
    "TTY",
    "STAT",
    "START",
    "TIME",
    "COMMAND",
  ]);
  expect(titles("-eo pid,comm,args")).toEqual(["PID", "COMMAND", "COMMAND"]);
  expect(titles("-o pid,user=WHO")).toEqual(["PID", "WHO"]);
  expect(() => columnsOf("-eo comm")).toThrow("Couldn't find PID field in ps output");
  expect(() => columnsOf("--forest")).toThrow("not supported");
  const { Processes } = processTable([process.pid, 2 ** 30], columnsOf("-eo pid,ppid,comm"));
  expect(Processes).toEqual([[String(process.pid), String(process.ppid), expect.any(String)]]);
});
