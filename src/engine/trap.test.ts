import { expect, test } from "bun:test";
import { Log } from "../base/log.ts";
import { type Trapped, trap } from "./trap.ts";

class FakeProcess implements Trapped {
  readonly listeners = new Map<string, () => void>();
  readonly codes: number[] = [];
  readonly env: Record<string, string>;

  constructor(env: Record<string, string> = {}) {
    this.env = env;
  }

  on(signal: string, listener: () => void): void {
    this.listeners.set(signal, listener);
  }

  exit(code: number): void {
    this.codes.push(code);
  }

  send(signal: string): void {
    this.listeners.get(signal)!();
  }
}

const silent = new Log("fatal");
const soon = () => new Promise((resolve) => setTimeout(resolve, 0));

test("trap: the first TERM cleans up, then exits 0", async () => {
  const target = new FakeProcess();
  const { promise, resolve } = Promise.withResolvers<void>();
  trap(() => promise, silent, target);
  target.send("SIGTERM");
  await soon();
  expect(target.codes).toEqual([]);
  resolve();
  await soon();
  expect(target.codes).toEqual([0]);
});

test("trap: the second one is ignored, the third one forces 128+n", async () => {
  const target = new FakeProcess();
  let cleanups = 0;
  trap(
    () => {
      cleanups++;
      return new Promise(() => {});
    },
    silent,
    target,
  );
  target.send("SIGINT");
  target.send("SIGTERM");
  expect(target.codes).toEqual([]);
  target.send("SIGINT");
  expect(target.codes).toEqual([130]);
  expect(cleanups).toBe(1);
});

test("trap: QUIT cleans up as TERM does, and with DEBUG exits without", async () => {
  const plain = new FakeProcess();
  let cleanups = 0;
  const cleanup = async () => void cleanups++;
  trap(cleanup, silent, plain);
  plain.send("SIGQUIT");
  await soon();
  expect([cleanups, plain.codes]).toEqual([1, [0]]);

  const debugging = new FakeProcess({ DEBUG: "1" });
  trap(cleanup, silent, debugging);
  debugging.send("SIGQUIT");
  await soon();
  expect([cleanups, debugging.codes]).toEqual([1, [131]]);
});

test("trap: a cleanup that fails exits 1", async () => {
  const target = new FakeProcess();
  trap(() => Promise.reject(new Error("no")), silent, target);
  target.send("SIGTERM");
  await soon();
  expect(target.codes[0]).toBe(1);
});
