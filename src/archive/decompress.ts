import { pipeline, Readable, type Transform } from "node:stream";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { EngineError, invalid, messageOf, unsupported } from "../base/errors.ts";

export type Compression = "none" | "gzip" | "zstd" | "xz" | "bzip2";

/** The first bytes that tell how a file is compressed: media types and file names lie. */
const MAGIC: readonly (readonly [Compression, readonly number[]])[] = [
  ["gzip", [0x1f, 0x8b]],
  ["zstd", [0x28, 0xb5, 0x2f, 0xfd]],
  ["xz", [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
  ["bzip2", [0x42, 0x5a, 0x68]],
];
/** As many bytes as the longest magic has. */
export const MAGIC_LENGTH = 6;

/** Larger than Node's 16 KiB, for speed; not larger still, since each piece is garbage a moment later. bytes */
const PIECE = 1 << 17;

export const compressionOf = (head: Uint8Array): Compression =>
  MAGIC.find(([, magic]) => magic.every((byte, at) => head[at] === byte))?.[0] ?? "none";

/** The same bytes, decompressed where they are gzip (several members too) or zstd. Throws `invalid` on broken ones. */
export async function* decompressed(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
  const [head, rest] = await peeked(source, MAGIC_LENGTH);
  const compression = compressionOf(head);
  if (compression === "none") return yield* rest;
  const transform = transformOf(compression);
  // An error of the source is thrown by the transform, which it destroys.
  pipeline(Readable.from(rest, { highWaterMark: 1 }), transform, () => {});
  try {
    for await (const piece of transform) yield piece as Uint8Array;
  } catch (error) {
    if (error instanceof EngineError) throw error;
    throw invalid(`broken ${compression} data: ${messageOf(error)}`, error);
  } finally {
    transform.destroy();
  }
}

function transformOf(compression: Compression): Transform {
  if (compression === "gzip") return createGunzip({ chunkSize: PIECE });
  if (compression === "zstd") return createZstdDecompress({ chunkSize: PIECE });
  throw unsupported(`${compression} archives are not supported: decompress it first, or use gzip or zstd`);
}

/** The first `length` bytes (fewer when there are no more), and the whole source again. */
export async function peeked(
  source: AsyncIterable<Uint8Array>,
  length: number,
): Promise<[Uint8Array, AsyncIterable<Uint8Array>]> {
  const iterator = source[Symbol.asyncIterator]();
  const seen: Uint8Array[] = [];
  let have = 0;
  while (have < length) {
    const next = await iterator.next();
    if (next.done) break;
    seen.push(next.value);
    have += next.value.length;
  }
  const head = seen.length === 1 ? seen[0]! : Buffer.concat(seen);
  return [head.subarray(0, length), again(seen, iterator)];
}

async function* again(
  seen: readonly Uint8Array[],
  iterator: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  try {
    yield* seen;
    for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value;
  } finally {
    await iterator.return?.();
  }
}
