import { expect, test } from "bun:test";
import { type Watched, whenIdle, whenQuiet } from "./idle.ts";

/** A server that was last asked something at `at`. */
class Asked implements Watched {
  at = performance.now();
  active = 0;

  get quietFor(): number {
    return performance.now() - this.at;
  }
}

test("idle: ends when nobody is connected and nothing runs, and not before", async () => {
  const server = new Asked();
  let busy = true;
  let ended = 0;
  const stop = whenIdle(
    0.03,
    server,
    () => busy,
    () => void ended++,
    5,
  );
  await Bun.sleep(60);
  expect(ended).toBe(0);
  busy = false;
  server.active = 1;
  await Bun.sleep(60);
  expect(ended).toBe(0);
  server.active = 0;
  await Bun.sleep(80);
  expect(ended).toBe(1);
  stop();
});

test("idle: 0 is never", async () => {
  let ended = 0;
  whenIdle(
    0,
    new Asked(),
    () => false,
    () => void ended++,
    1,
  );
  await Bun.sleep(10);
  expect(ended).toBe(0);
});

test("quiet: rests once, and once more after the next request", async () => {
  const server = new Asked();
  let rests = 0;
  const stop = whenQuiet(server, () => void rests++, 10);
  await Bun.sleep(60);
  expect(rests).toBe(1);
  server.at = performance.now();
  await Bun.sleep(60);
  expect(rests).toBe(2);
  stop();
});
