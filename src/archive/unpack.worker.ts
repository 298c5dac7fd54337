import { EngineError, messageOf } from "../base/errors.ts";
import { type Applied, Applier } from "./apply.ts";
import { copyTree } from "./copy.ts";
import { compressionOf, decompressed, MAGIC_LENGTH, peeked } from "./decompress.ts";
import { spool } from "./spool.ts";
import { TarReader } from "./tar.ts";
import type { Destination, FromWorker, ToWorker, Unpacked, UnpackRequest } from "./unpack.ts";

/** Runs in a Worker of its own, so that the daemon's loop never waits for a disk: one request after the other. */

declare const self: {
  onmessage: ((event: { data: ToWorker }) => void) | null;
  postMessage(message: FromWorker): void;
};

/** What came of the stream and was not yet used; undefined at its end. */
const waiting: (Uint8Array | undefined)[] = [];
let canceled = false;
let wake: (() => void) | undefined;

self.onmessage = ({ data }) => {
  if (data.kind === "unpack") void answer(() => unpack(data.request));
  else if (data.kind === "copy") void answer(async () => copyTree(data.from, data.to));
  else if (data.kind === "chunk") waiting.push(data.bytes);
  else if (data.kind === "end") waiting.push(undefined);
  else canceled = true;
  wake?.();
};

async function answer(body: () => Promise<Unpacked | undefined>): Promise<void> {
  try {
    const result = await body();
    self.postMessage({ kind: "done", result });
  } catch (error) {
    const code = error instanceof EngineError ? error.code : "internal";
    self.postMessage({ kind: "failed", code, message: messageOf(error) });
  } finally {
    waiting.length = 0;
    canceled = false;
  }
}

async function unpack({ to }: UnpackRequest): Promise<Unpacked> {
  const [head, source] = await peeked(received(), MAGIC_LENGTH);
  const whole = compressionOf(head) === "none" ? undefined : new Bun.CryptoHasher("sha256");
  const plain = new Bun.CryptoHasher("sha256");
  let bytes = 0;
  async function* counted(): AsyncGenerator<Uint8Array> {
    for await (const chunk of source) {
      bytes += chunk.length;
      whole?.update(chunk);
      yield chunk;
    }
  }
  async function* hashed(): AsyncGenerator<Uint8Array> {
    for await (const chunk of decompressed(counted())) {
      plain.update(chunk);
      yield chunk;
    }
  }
  const applied = to.kind === "file" ? await spool(to.path, hashed()) : await apply(to, hashed());
  const diffId = `sha256:${plain.digest("hex")}`;
  return { ...applied, diffId, digest: whole ? `sha256:${whole.digest("hex")}` : diffId, bytes };
}

type Folder = Extract<Destination, { kind: "folder" }>;

async function apply(to: Folder, chunks: AsyncIterable<Uint8Array>): Promise<Applied> {
  using applier = new Applier(to.root, to.whiteouts);
  const reader = new TarReader();
  for await (const chunk of chunks) applier.take(reader, chunk);
  reader.finish();
  return applier.finish();
}

async function* received(): AsyncGenerator<Uint8Array> {
  for (;;) {
    if (canceled) throw new EngineError("canceled", "unpacking was canceled");
    if (waiting.length === 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      wake = resolve;
      await promise;
      continue;
    }
    const chunk = waiting.shift();
    if (!chunk) return;
    yield chunk;
    self.postMessage({ kind: "used", bytes: chunk.length });
  }
}
