import { type FSWatcher, watch } from "node:fs";
import { type FileHandle, open, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { type LineOptions, LineWriter } from "./log_line.ts";

const NEWLINE = 0x0a;
/** Large enough that reading costs nothing, small enough that other requests are served between two. bytes */
const BLOCK = 256 * 1024;
/** How often a followed log is looked at when nothing woke us. milliseconds */
const POLL_MS = 100;

export interface LogRequest extends LineOptions {
  /** So many of the last lines; undefined for all. */
  readonly tail?: number;
  /** Goes on with what is written until this aborts, and to the end of what was written before it did. */
  readonly follow?: AbortSignal;
  /** The reader has gone. */
  readonly signal: AbortSignal;
}

/**
 * The json-file log at `path` with its rotated files (`path.1` is newer than `path.2`), oldest line first, in large chunks.
 * Holds one block in memory, whatever the log's size. No log file is an empty log.
 */
export async function* readLog(path: string, request: LogRequest): AsyncGenerator<Uint8Array> {
  const writer = new LineWriter(request);
  const first = request.tail === undefined ? await oldest(path) : await tailOf(path, request.tail);
  let file = first && (await Reader.open(first.path, first.offset));
  try {
    while (file && !request.signal.aborted && !writer.done) {
      yield* file.rest(writer, request.signal);
      const next: Reader | undefined = await after(path, file);
      if (!next) break;
      await file.close();
      file = next;
    }
    if (request.follow && !writer.done) {
      const follower = new Follower(path, request.follow, request.signal);
      for await (file of follower.files(file)) {
        yield* file.rest(writer, request.signal);
        if (writer.done) return;
      }
    }
  } finally {
    await file?.close();
  }
}

/** One log file, read forward; a line that is not whole yet is kept for the next time. */
class Reader {
  readonly #handle: FileHandle;
  readonly inode: bigint;
  #offset: number;
  #block = Buffer.allocUnsafe(BLOCK);
  /** Bytes of a line without its end, at the front of the block. */
  #kept = 0;

  private constructor(handle: FileHandle, inode: bigint, offset: number) {
    this.#handle = handle;
    this.inode = inode;
    this.#offset = offset;
  }

  static async open(path: string, offset = 0): Promise<Reader | undefined> {
    const handle = await openOrNone(path);
    if (!handle) return undefined;
    return new Reader(handle, (await handle.stat({ bigint: true })).ino, offset);
  }

  /** All whole lines from here to the present end of the file. */
  async *rest(writer: LineWriter, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    while (!signal.aborted && !writer.done) {
      if (this.#kept === this.#block.length) this.#grow();
      const { bytesRead } = await this.#handle.read(
        this.#block,
        this.#kept,
        this.#block.length - this.#kept,
        this.#offset,
      );
      if (bytesRead === 0) return;
      this.#offset += bytesRead;
      const end = this.#kept + bytesRead;
      const whole = this.#block.lastIndexOf(NEWLINE, end - 1) + 1;
      if (whole > 0) writer.write(this.#block, 0, whole);
      this.#block.copy(this.#block, 0, whole, end);
      this.#kept = end - whole;
      const chunk = writer.take();
      if (chunk) yield chunk;
    }
  }

  close(): Promise<void> {
    return this.#handle.close();
  }

  #grow(): void {
    const larger = Buffer.allocUnsafe(this.#block.length * 2);
    this.#block.copy(larger);
    this.#block = larger;
  }
}

/** Waits for a log to grow or to be rotated, and for the end of it. */
class Follower {
  readonly #path: string;
  readonly #ended: AbortSignal;
  readonly #signal: AbortSignal;

  constructor(path: string, ended: AbortSignal, signal: AbortSignal) {
    this.#path = path;
    this.#ended = ended;
    this.#signal = signal;
  }

  /** The file to read on from, each time there may be more; once more after the end, so that nothing is missed. */
  async *files(start: Reader | undefined): AsyncGenerator<Reader> {
    let file = start;
    const watcher = this.#watcher();
    try {
      for (let last = false; !last && !this.#signal.aborted; ) {
        if (!this.#ended.aborted) await watcher.changed();
        last = this.#ended.aborted;
        file ??= await Reader.open(this.#path);
        if (!file) continue;
        yield file;
        for (let next = await after(this.#path, file); next; next = await after(this.#path, file)) {
          yield file; // what was written to it before it was rotated away
          await file.close();
          file = next;
          yield file;
        }
      }
    } finally {
      watcher.close();
    }
  }

  #watcher(): { changed(): Promise<void>; close(): void } {
    let wake = () => {};
    const stir = () => wake();
    const watcher = watchOrNone(dirname(this.#path), stir);
    this.#ended.addEventListener("abort", stir);
    this.#signal.addEventListener("abort", stir);
    return {
      changed: () =>
        new Promise((resolve) => {
          const timer = setTimeout(resolve, POLL_MS);
          wake = () => {
            clearTimeout(timer);
            resolve();
          };
          if (this.#ended.aborted || this.#signal.aborted) wake();
        }),
      close: () => {
        watcher?.close();
        this.#ended.removeEventListener("abort", stir);
        this.#signal.removeEventListener("abort", stir);
      },
    };
  }
}

/** Without inotify (no watches left) polling serves. */
function watchOrNone(folder: string, changed: () => void): FSWatcher | undefined {
  try {
    const watcher = watch(folder, { persistent: false }, changed);
    watcher.on("error", () => watcher.close());
    return watcher;
  } catch {
    return undefined;
  }
}

async function openOrNone(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** The log files that there are, newest first, each with its inode. */
async function files(path: string): Promise<{ path: string; inode: bigint }[]> {
  const found: { path: string; inode: bigint }[] = [];
  for (let index = 0; ; index++) {
    const name = index === 0 ? path : `${path}.${index}`;
    const inode = await stat(name, { bigint: true }).then(
      ({ ino }) => ino,
      () => undefined,
    );
    if (inode !== undefined) found.push({ path: name, inode });
    else if (index > 0) return found;
  }
}

/** The file that was begun when `file` was rotated away, open; undefined while `file` is the newest. */
async function after(path: string, file: Reader): Promise<Reader | undefined> {
  const all = await files(path);
  const at = all.findIndex(({ inode }) => inode === file.inode);
  if (at === 0 || all.length === 0) return undefined;
  // at < 0: rotated out altogether; the oldest that is left comes next
  const next = at < 0 ? all.at(-1)! : all[at - 1]!;
  return Reader.open(next.path);
}

const oldest = async (path: string): Promise<{ path: string; offset: number } | undefined> => {
  const found = (await files(path)).at(-1);
  return found && { path: found.path, offset: 0 };
};

/** Where the last `count` lines begin: read backwards in blocks, over the rotated files. */
async function tailOf(path: string, count: number): Promise<{ path: string; offset: number } | undefined> {
  let missing = count;
  let found: { path: string; offset: number } | undefined;
  for (const { path: name } of await files(path)) {
    const handle = await openOrNone(name);
    if (!handle) continue;
    try {
      const { size } = await handle.stat();
      const { offset, lines } = await linesFromEnd(handle, size, missing);
      found = { path: name, offset };
      missing -= lines;
    } finally {
      await handle.close();
    }
    if (missing <= 0) break;
  }
  return found;
}

/** Where the last `count` whole lines of one file begin, and how many of them there are. */
async function linesFromEnd(
  handle: FileHandle,
  size: number,
  count: number,
): Promise<{ offset: number; lines: number }> {
  if (count <= 0) return { offset: size, lines: 0 };
  const block = Buffer.allocUnsafe(Math.min(BLOCK, Math.max(size, 1)));
  let newlines = 0;
  for (let end = size; end > 0; ) {
    const start = Math.max(0, end - block.length);
    const { bytesRead } = await handle.read(block, 0, end - start, start);
    for (let at = block.lastIndexOf(NEWLINE, bytesRead - 1); at >= 0; ) {
      if (newlines++ === count) return { offset: start + at + 1, lines: count };
      at = at === 0 ? -1 : block.lastIndexOf(NEWLINE, at - 1);
    }
    end = start;
  }
  return { offset: 0, lines: newlines };
}
