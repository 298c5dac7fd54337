/** Which stream a frame belongs to: 0 and 1 are standard output, 2 standard error, 3 an error of the daemon. */
export type StreamId = 0 | 1 | 2 | 3;

export interface Frame {
  readonly stream: StreamId;
  readonly payload: Uint8Array;
}

export const RAW_STREAM = "application/vnd.docker.raw-stream";
/** Since API 1.42, where output is framed; older callers are told RAW_STREAM and get frames all the same. */
export const MULTIPLEXED_STREAM = "application/vnd.docker.multiplexed-stream";

const HEADER = 8;

/** One frame on the wire: `[stream, 0, 0, 0, length in 4 bytes big-endian]` and the payload. */
export function encodeFrame(stream: StreamId, payload: Uint8Array): Uint8Array {
  const frame = new Uint8Array(HEADER + payload.length);
  frame[0] = stream;
  new DataView(frame.buffer).setUint32(4, payload.length);
  frame.set(payload, HEADER);
  return frame;
}

/**
 * Frames out of a byte stream, in order. A payload may come in several frames of the same stream: nothing larger than
 * one chunk of the input is gathered. Throws when the stream ends within a frame.
 */
export async function* decodeFrames(input: AsyncIterable<Uint8Array>): AsyncGenerator<Frame> {
  let pending: Uint8Array = new Uint8Array(0);
  let stream: StreamId = 1;
  let missing = 0;
  for await (const chunk of input) {
    let rest = pending.length > 0 ? join(pending, chunk) : chunk;
    for (;;) {
      if (missing > 0) {
        if (rest.length === 0) break;
        const payload = rest.subarray(0, missing);
        missing -= payload.length;
        rest = rest.subarray(payload.length);
        yield { stream, payload };
      } else {
        if (rest.length < HEADER) break;
        stream = (rest[0]! & 3) as StreamId;
        missing = new DataView(rest.buffer, rest.byteOffset).getUint32(4);
        rest = rest.subarray(HEADER);
      }
    }
    pending = rest;
  }
  if (missing > 0 || pending.length > 0) throw new Error("the stream ended within a frame");
}

/** One object a line. A bigint is printed as a bare number: `timeNano` is above 2^53. */
export const toJson = (value: unknown): string => JSON.stringify(value, bare) ?? "null";

/** What `toJson` printed; integers above 2^53 come back as bigint. */
export const fromJson = <T>(text: string): T =>
  LONG.test(text) ? JSON.parse(text, exact) : JSON.parse(text);

/** The objects of a stream of JSON lines, in order; empty lines are skipped. */
export async function* decodeLines<T>(input: AsyncIterable<Uint8Array>): AsyncGenerator<T> {
  const decoder = new TextDecoder();
  let pending = "";
  for await (const chunk of input) {
    const lines = (pending + decoder.decode(chunk, { stream: true })).split("\n");
    pending = lines.pop()!;
    for (const line of lines) if (line.trim() !== "") yield fromJson<T>(line);
  }
  if (pending.trim() !== "") yield fromJson<T>(pending);
}

interface RawJson {
  rawJSON(text: string): unknown;
}

const bare = (_key: string, value: unknown): unknown =>
  typeof value === "bigint" ? (JSON as unknown as RawJson).rawJSON(String(value)) : value;

/** Worth the slow way: a number of 16 digits or more outside strings, or something that looks like one. */
const LONG = /[:[,]\s*-?\d{16}/;

const exact = (_key: string, value: unknown, context?: { source?: string }): unknown =>
  typeof value === "number" &&
  context?.source &&
  !Number.isSafeInteger(value) &&
  /^-?\d+$/.test(context.source)
    ? BigInt(context.source)
    : value;

function join(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}
