import type { Progress } from "../../api/images.ts";
import { humanSize } from "../../base/units.ts";

/** How a job that takes long says where it is. */
export type Emit = (line: Progress) => void;

/**
 * The lines that `body` emits, as a job's output. Resolves with the first line, so that what fails before it is an error
 * of the job and not of the stream. A slow reader skips steps of one and the same counter; nothing else is dropped. A
 * reader that stops, or `signal`, aborts the body.
 */
export async function progressOf(
  signal: AbortSignal,
  body: (emit: Emit, signal: AbortSignal) => Promise<void>,
): Promise<AsyncIterable<Progress>> {
  const reader = new AbortController();
  const lines = new Lines();
  lines.follow(body((line) => lines.put(line), AbortSignal.any([signal, reader.signal])));
  await lines.ready();
  return lines.read(() => reader.abort());
}

class Lines {
  #queue: Progress[] = [];
  #over = false;
  #failure: { readonly error: unknown } | undefined;
  #wake = Promise.withResolvers<void>();

  follow(work: Promise<void>): void {
    work
      .catch((error: unknown) => {
        this.#failure = { error };
      })
      .finally(() => {
        this.#over = true;
        this.#wake.resolve();
      });
  }

  put(line: Progress): void {
    const last = this.#queue.findLastIndex((waiting) => waiting.id === line.id);
    const before = this.#queue[last];
    const counts =
      line.progressDetail?.current !== undefined && before?.progressDetail?.current !== undefined;
    if (counts && before.status === line.status) this.#queue[last] = line;
    else this.#queue.push(line);
    this.#wake.resolve();
  }

  /** Throws the error of a body that failed before it said anything. */
  async ready(): Promise<void> {
    await this.#wake.promise;
    if (this.#queue.length === 0 && this.#failure) throw this.#failure.error;
  }

  async *read(stopped: () => void): AsyncGenerator<Progress, void> {
    try {
      for (;;) {
        const queue = this.#queue;
        this.#queue = [];
        yield* queue;
        if (this.#queue.length > 0) continue;
        if (this.#over) break;
        this.#wake = Promise.withResolvers();
        await this.#wake.promise;
      }
      if (this.#failure) throw this.#failure.error;
    } finally {
      if (!this.#over) stopped();
    }
  }
}

const WIDTH = 50;

/** A counter with Docker's bar: `[=====>      ]  36.45kB/1.084MB` (jsonmessage.JSONProgress). */
export function counter(id: string, status: string, current: number, total: number): Progress {
  const known = total > 0 && current <= total;
  const done = known ? Math.floor((current * WIDTH) / total) : 0;
  const bar = `[${"=".repeat(done)}${done < WIDTH ? `>${" ".repeat(WIDTH - done)}` : ">"}]`;
  const amount = humanSize(current).padStart(8);
  return {
    status,
    progressDetail: { current, ...(total > 0 ? { total } : {}) },
    progress: known ? `${bar} ${amount}/${humanSize(total)}` : amount,
    id,
  };
}
