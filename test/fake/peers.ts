import type { Peer } from "../../src/base/peer.ts";

/** Two ends of one connection in memory: what one writes, the other reads. */
export function peerPair(): [Peer, Peer] {
  const gone = new AbortController();
  const forth = new Pipe(gone.signal);
  const back = new Pipe(gone.signal);
  const end = (read: Pipe, write: Pipe): Peer => ({
    input: read.chunks(),
    write: async (chunk) => write.push(chunk),
    end: () => {
      write.end();
      if (read.ended) gone.abort();
    },
    close: () => gone.abort(),
    closed: gone.signal,
  });
  return [end(forth, back), end(back, forth)];
}

class Pipe {
  readonly #waiting: Uint8Array[] = [];
  ended = false;
  #wake = () => {};

  constructor(gone: AbortSignal) {
    gone.addEventListener("abort", () => this.end());
  }

  push(chunk: Uint8Array): void {
    if (this.ended) return;
    this.#waiting.push(Uint8Array.from(chunk));
    this.#wake();
  }

  end(): void {
    this.ended = true;
    this.#wake();
  }

  async *chunks(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const chunk = this.#waiting.shift();
      if (chunk) yield chunk;
      else if (this.ended) return;
      else
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
    }
  }
}
