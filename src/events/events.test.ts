import { expect, test } from "bun:test";
import type { EventMessage } from "../api/system.ts";
import { GraphDB } from "../graph/graphdb.ts";
import { Events } from "./events.ts";

const forever = () => new AbortController().signal;

async function take(stream: AsyncIterable<EventMessage>, count: number): Promise<string[]> {
  const actions: string[] = [];
  if (count > 0) for await (const { Action } of stream) if (actions.push(Action) === count) break;
  return actions;
}

test("events: a container's event has Docker's shape, old fields too", async () => {
  const events = new Events();
  const stream = events.subscribe({ since: 0n, signal: forever() });
  events.emit("container", "start", "id", { name: "n", image: "busybox", a: "b" });
  const { value } = await stream.next();
  expect(value).toMatchObject({
    status: "start",
    id: "id",
    from: "busybox",
    Type: "container",
    Action: "start",
    scope: "local",
  });
  expect(Object.keys(value!.Actor.Attributes)).toEqual(["a", "image", "name"]);
  expect(value!.timeNano / 1_000_000_000n).toBe(BigInt(value!.time));
});

test("events: the past only when asked for, then what comes", async () => {
  const events = new Events();
  events.emit("network", "create", "1");
  const now = take(events.subscribe({ signal: forever() }), 1);
  const all = take(events.subscribe({ since: 0n, signal: forever() }), 2);
  await Bun.sleep(0);
  events.emit("network", "destroy", "1");
  expect(await now).toEqual(["destroy"]);
  expect(await all).toEqual(["create", "destroy"]);
});

test("events: `until` ends the stream, in the past at once", async () => {
  const events = new Events();
  events.emit("volume", "create", "v");
  const until = BigInt(Date.now() + 1) * 1_000_000n + 1_000_000n;
  expect(
    await Array.fromAsync(events.subscribe({ until: until + 5_000_000n, signal: forever() })),
  ).toHaveLength(1);
  expect(await Array.fromAsync(events.subscribe({ until: 1n, signal: forever() }))).toEqual([]);
});

test("events: the last 256 outlive the daemon, with all their digits", async () => {
  const graph = new GraphDB(":memory:");
  const first = new Events(graph);
  for (let index = 0; index < 300; index++) first.emit("image", "pull", String(index), { name: "x" });
  first.flush();
  const second = new Events(graph);
  second.emit("image", "tag", "new");
  const past = await Array.fromAsync(
    second.subscribe({ since: 0n, until: 2n ** 62n, signal: AbortSignal.timeout(20) }),
  );
  expect(past).toHaveLength(256);
  expect(past[0]!.Actor.ID).toBe("45");
  expect(past[0]!.timeNano).toBeGreaterThan(2n ** 53n);
  expect(new Set(past.map(({ timeNano }) => timeNano)).size).toBe(256);
});

test("events: a reader that never reads is cut off, others are not disturbed", async () => {
  const events = new Events();
  const slow = events.subscribe({ signal: forever() });
  const first = slow.next();
  await Bun.sleep(0);
  for (let index = 0; index < 5000; index++) events.emit("container", "top", "id");
  await first;
  expect(
    (async () => {
      for await (const _ of slow);
    })(),
  ).rejects.toThrow("too slow");
  expect(events.subscribers).toBeLessThanOrEqual(1);
});
