import { expect, test } from "bun:test";
import { Dechunker } from "./chunked.ts";
import { Unframer } from "./frames.ts";

const frame = (stream: number, text: string): Buffer => {
  const head = Buffer.from([stream, 0, 0, 0, 0, 0, 0, 0]);
  head.writeUInt32BE(text.length, 4);
  return Buffer.concat([head, Buffer.from(text)]);
};

const unframe = (bytes: Uint8Array, size: number): [number, string][] => {
  const unframer = new Unframer();
  const runs: [number, string][] = [];
  for (let at = 0; at < bytes.length; at += size)
    unframer.push(new Uint8Array(bytes.subarray(at, at + size)), (stream, part) =>
      runs.push([stream, String(Buffer.from(part))]),
    );
  return runs;
};

const stream = Buffer.concat([
  frame(1, "a"),
  frame(1, ""),
  frame(1, "bc"),
  frame(2, "err"),
  frame(1, "d".repeat(300)),
]);

test("frames: neighbours of one stream become one run, the order stays", () => {
  expect(unframe(stream, 10_000)).toEqual([
    [1, "abc"],
    [2, "err"],
    [1, "d".repeat(300)],
  ]);
});

test.each([1, 2, 3, 7, 8, 9, 64])("frames: cut into blocks of %d the bytes are the same", (size) => {
  const text = (wanted: number) =>
    unframe(stream, size)
      .filter(([stream]) => stream === wanted)
      .map(([, part]) => part)
      .join("");
  expect(text(1)).toBe(`abc${"d".repeat(300)}`);
  expect(text(2)).toBe("err");
});

test("frames: what is no frame is refused", () => {
  expect(() => unframe(Buffer.from("HTTP/1.1 200 OK"), 100)).toThrow("unrecognized stream: 72");
});

test.each([1, 2, 3, 5, 100])("chunks: cut into blocks of %d the body is the same", (size) => {
  const body = Buffer.from("5\r\nhello\r\n1;x=y\r\n \r\nb\r\nworld, dear\r\n0\r\nTrailer: x\r\n\r\nREST");
  const dechunker = new Dechunker();
  let text = "";
  for (let at = 0; at < body.length && !dechunker.done; at += size)
    text += Buffer.from(dechunker.push(new Uint8Array(body.subarray(at, at + size)))).toString();
  expect(text).toBe("hello world, dear");
  expect(dechunker.done).toBe(true);
});

test("chunks: a broken size is refused", () => {
  expect(() => new Dechunker().push(Buffer.from("zz\r\n"))).toThrow("malformed chunk size");
});
