import { expect, test } from "bun:test";
import { EngineError } from "../base/errors.ts";
import { Log } from "../base/log.ts";
import { Engine } from "./engine.ts";
import { job } from "./job.ts";

interface Parts {
  greeting: string;
}

const hello = job("hello", async (m: Parts, input: { name: string }) => `${m.greeting}, ${input.name}`);

function engineWith(lines: string[] = []): Engine<Parts> {
  const engine = new Engine<Parts>(new Log("debug", (line) => void lines.push(line.slice(25).trim())));
  engine.install({ greeting: "hello" });
  return engine;
}

test("engine: a job runs with the modules that were installed", async () => {
  const engine = engineWith();
  engine.register(hello);
  expect(await engine.run(hello, { name: "you" })).toBe("hello, you");
  expect(engine.commands()).toEqual(["hello"]);
});

test("engine: a name is registered once", () => {
  const engine = engineWith();
  engine.register(hello);
  expect(() => engine.register(hello)).toThrow("can't overwrite handler for command hello");
});

test("engine: a job of a name that nobody handles ends with 127", async () => {
  const run = engineWith().job("nothing", {});
  expect(run.status).toBeUndefined();
  await expect(run.start()).rejects.toThrow("nothing: command not found");
  expect(run.status).toBe(127);
});

test("engine: status is 0 after success and 1 after failure, and both are logged, without secrets", async () => {
  const lines: string[] = [];
  const engine = engineWith(lines);
  engine.register(hello);
  engine.register(job("fail", () => Promise.reject(new EngineError("conflict", "no"))));
  const good = engine.job("hello", { name: "you", auth: "secret" });
  await good.start();
  const bad = engine.job("fail", undefined);
  await expect(bad.start()).rejects.toThrow("no");
  expect([good.status, bad.status]).toEqual([0, 1]);
  expect(lines).toEqual([
    "DEBUG +job hello(you)",
    "DEBUG -job hello(you) = OK (0)",
    "DEBUG +job fail()",
    "DEBUG -job fail() = ERR (1) error=no",
  ]);
});

test("engine: a run starts once", async () => {
  const engine = engineWith();
  engine.register(hello);
  const run = engine.job("hello", { name: "you" });
  await run.start();
  await expect(run.start()).rejects.toThrow("already been started");
});

test("engine: a job within a job shares its cancellation", async () => {
  const engine = engineWith();
  const inner = job("inner", async (_: Parts, _input: undefined, io) => {
    const { promise, resolve } = Promise.withResolvers<string>();
    io.signal.addEventListener("abort", () => resolve("canceled"));
    return promise;
  });
  engine.register(inner);
  const outer = job("outer", (_: Parts, _input: undefined, io) => io.run(inner, undefined));
  engine.register(outer);
  const caller = new AbortController();
  const ended = engine.run(outer, undefined, { signal: caller.signal });
  caller.abort();
  expect(await ended).toBe("canceled");
});

test("engine: after a shutdown new jobs are refused", async () => {
  const engine = engineWith();
  engine.register(hello);
  await engine.shutdown();
  await expect(engine.run(hello, { name: "you" })).rejects.toThrow("engine is shutdown");
});

test("engine: shutdown lets a running job end, with the jobs it still needs", async () => {
  const engine = engineWith();
  engine.register(hello);
  const gate = Promise.withResolvers<void>();
  const slow = job("slow", async (_: Parts, _input: undefined, io) => {
    await gate.promise;
    return io.run(hello, { name: "late" });
  });
  engine.register(slow);
  const ended = engine.run(slow, undefined);
  const down = engine.shutdown();
  gate.resolve();
  expect(await ended).toBe("hello, late");
  await down;
});

test("engine: shutdown cancels a job that does not end in time", async () => {
  const engine = engineWith();
  let aborted = false;
  const endless = job("endless", (_: Parts, _input: undefined, io) => {
    io.signal.addEventListener("abort", () => {
      aborted = true;
    });
    return new Promise<void>(() => {});
  });
  engine.register(endless);
  void engine.run(endless, undefined);
  await engine.shutdown({ jobs: 1 });
  expect(aborted).toBe(true);
});

test("engine: shutdown handlers run side by side, may run jobs, and are not waited for for ever", async () => {
  const engine = engineWith();
  engine.register(hello);
  const said: string[] = [];
  engine.onShutdown("hangs", () => new Promise(() => {}));
  engine.onShutdown("fails", () => Promise.reject(new Error("no")));
  engine.onShutdown("works", async (io) => void said.push(await io.run(hello, { name: "end" })));
  await engine.shutdown({ handlers: 20 });
  expect(said).toEqual(["hello, end"]);
});

test("engine: a second shutdown waits for the first", async () => {
  const engine = engineWith();
  let times = 0;
  engine.onShutdown("counts", async () => void times++);
  await Promise.all([engine.shutdown(), engine.shutdown()]);
  expect(times).toBe(1);
});
