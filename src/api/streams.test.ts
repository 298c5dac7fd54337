import { expect, test } from "bun:test";
import { decodeFrames, decodeLines, encodeFrame, fromJson, toJson } from "./streams.ts";

async function* pieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

test("streams: a frame is Docker's eight bytes and its payload", () => {
  expect([...encodeFrame(2, Buffer.from("err"))]).toEqual([2, 0, 0, 0, 0, 0, 0, 3, 101, 114, 114]);
});

test("streams: frames are read however the bytes were cut", async () => {
  const bytes = Buffer.concat([encodeFrame(1, Buffer.from("out")), encodeFrame(2, Buffer.from("error"))]);
  for (const size of [1, 2, 7, 8, 9, 100]) {
    const texts: Record<number, string> = {};
    for await (const { stream, payload } of decodeFrames(pieces(bytes, size)))
      texts[stream] = (texts[stream] ?? "") + Buffer.from(payload).toString();
    expect(texts).toEqual({ 1: "out", 2: "error" });
  }
});

test("streams: an end within a frame is an error", async () => {
  const cut = encodeFrame(1, Buffer.from("out")).subarray(0, 10);
  await expect(all(decodeFrames(pieces(cut, 100)))).rejects.toThrow("ended within a frame");
});

test("streams: lines of JSON are read however they were cut, whatever ends them", async () => {
  const bytes = Buffer.from('{"a":"ä"}\r\n\r\n{"b":2}\n{"c":3}');
  for (const size of [1, 3, 100])
    expect(await all(decodeLines(pieces(bytes, size)))).toEqual([{ a: "ä" }, { b: 2 }, { c: 3 }]);
});

test("streams: nanoseconds survive both ways", () => {
  const event = { time: 1795308647, timeNano: 1795308647492074759n, text: '": 1795308647492074759' };
  expect(toJson(event)).toContain('"timeNano":1795308647492074759,');
  expect(fromJson<typeof event>(toJson(event))).toEqual(event);
});
