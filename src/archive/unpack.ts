import { EngineError, type ErrorCode, internal } from "../base/errors.ts";
import type { Whiteouts } from "./apply.ts";

/** Where a tar goes: into a folder, or decompressed into a file until its time comes. */
export type Destination =
  | { readonly kind: "folder"; readonly root: string; readonly whiteouts: Whiteouts }
  | { readonly kind: "file"; readonly path: string };

export interface UnpackRequest {
  readonly to: Destination;
}

export interface Unpacked {
  /** sha256 of the tar, decompressed: the layer's diff id */
  readonly diffId: string;
  /** sha256 of the bytes as they came */
  readonly digest: string;
  /** how many they were */
  readonly bytes: number;
  /** bytes of the files in it; of the tar itself when it went to a file */
  readonly size: number;
  /** It had an entry for the root itself. */
  readonly root: boolean;
}

export type ToWorker =
  | { readonly kind: "unpack"; readonly request: UnpackRequest }
  | { readonly kind: "copy"; readonly from: string; readonly to: string }
  | { readonly kind: "chunk"; readonly bytes: Uint8Array }
  | { readonly kind: "end" }
  | { readonly kind: "cancel" };

export type FromWorker =
  | { readonly kind: "used"; readonly bytes: number }
  | { readonly kind: "done"; readonly result: Unpacked | undefined }
  | { readonly kind: "failed"; readonly code: ErrorCode; readonly message: string };

export interface UnpackOptions {
  readonly signal?: AbortSignal;
  /** Bytes of the source that are on disk so far. */
  readonly progress?: (bytes: number) => void;
}

/** Pieces are gathered to this size before they change threads. bytes */
const BATCH = 1 << 18;
/** Bytes on their way to a worker: more would only fill memory. */
const WINDOW = 4 * BATCH;
/** A worker starts in 10 ms and holds a few MB: it waits a little for the next layer of the same image. */
const IDLE_MILLIS = 500;

/** Unpacks and copies trees in Workers: the caller's loop only passes bytes on. */
export class Unpacker {
  readonly #idle = new Map<Worker, NodeJS.Timeout>();

  /** Unpacks `source` (plain, gzip or zstd) and tells its digests. On error the destination is left half filled. */
  async unpack(
    source: AsyncIterable<Uint8Array>,
    to: Destination,
    options: UnpackOptions = {},
  ): Promise<Unpacked> {
    const talk = this.#start({ kind: "unpack", request: { to } }, options.progress);
    try {
      for await (const batch of batches(source)) {
        if (options.signal?.aborted) throw new EngineError("canceled", "unpacking was canceled");
        if (!(await talk.send(batch))) break;
      }
      talk.post({ kind: "end" });
    } catch (error) {
      talk.post({ kind: "cancel" });
      await talk.result.catch(() => {});
      throw error;
    }
    return (await talk.result)!;
  }

  /** Copies a tree with all that it is: owners, modes, times, xattrs, devices, hard links. */
  async copy(from: string, to: string): Promise<void> {
    await this.#start({ kind: "copy", from, to }).result;
  }

  /** Ends the workers that wait for more. */
  close(): void {
    for (const [worker, timer] of this.#idle) {
      clearTimeout(timer);
      worker.terminate();
    }
    this.#idle.clear();
  }

  #start(first: ToWorker, progress?: (bytes: number) => void): Talk {
    const worker = this.#take();
    const talk = new Talk(worker, progress);
    const done = () => (talk.broken ? worker.terminate() : this.#keep(worker));
    talk.result.then(done, done);
    talk.post(first);
    return talk;
  }

  #take(): Worker {
    for (const [worker, timer] of this.#idle) {
      clearTimeout(timer);
      this.#idle.delete(worker);
      return worker;
    }
    return new Worker(new URL("./unpack.worker.ts", import.meta.url).href);
  }

  #keep(worker: Worker): void {
    const timer = setTimeout(() => {
      this.#idle.delete(worker);
      worker.terminate();
    }, IDLE_MILLIS);
    timer.unref();
    worker.onmessage = worker.onerror = null;
    this.#idle.set(worker, timer);
  }
}

/** One request to one worker. */
class Talk {
  readonly result: Promise<Unpacked | undefined>;
  broken = false;
  readonly #worker: Worker;
  #sent = 0;
  #used = 0;
  #over = false;
  #wake: (() => void) | undefined;

  constructor(worker: Worker, progress?: (bytes: number) => void) {
    this.#worker = worker;
    const { promise, resolve, reject } = Promise.withResolvers<Unpacked | undefined>();
    this.result = promise;
    worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
      if (data.kind === "used") {
        this.#used += data.bytes;
        progress?.(this.#used);
      } else {
        this.#over = true;
        if (data.kind === "done") resolve(data.result);
        else reject(new EngineError(data.code, data.message));
      }
      this.#wake?.();
    };
    worker.onerror = (event: ErrorEvent) => {
      this.broken = this.#over = true;
      reject(internal(`the unpacking worker failed: ${event.message}`));
      this.#wake?.();
    };
  }

  post(message: ToWorker): void {
    this.#worker.postMessage(message);
  }

  /** Resolves when more may be sent; false: the worker has ended already, `result` says how. */
  async send(bytes: Uint8Array<ArrayBuffer>): Promise<boolean> {
    const { length } = bytes;
    this.#worker.postMessage({ kind: "chunk", bytes } satisfies ToWorker, [bytes.buffer]);
    this.#sent += length;
    while (!this.#over && this.#sent - this.#used >= WINDOW) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await promise;
    }
    return !this.#over;
  }
}

/** The same bytes in buffers of our own, large enough to be worth a change of threads. */
async function* batches(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  let batch = new Uint8Array(BATCH);
  let filled = 0;
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length; ) {
      const piece = chunk.subarray(at, at + BATCH - filled);
      batch.set(piece, filled);
      filled += piece.length;
      at += piece.length;
      if (filled < BATCH) continue;
      yield batch;
      batch = new Uint8Array(BATCH);
      filled = 0;
    }
  }
  if (filled > 0) yield batch.slice(0, filled);
}
