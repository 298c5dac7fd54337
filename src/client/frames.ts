/** 1 is stdout, 2 stderr, 3 an error of the daemon (Engine API, "Stream format"). */
export type StreamNumber = 0 | 1 | 2 | 3;

/**
 * Takes Docker's 8-byte frames off an attach or log stream, block by block. Neighbouring frames of one stream are moved
 * together, so that `sink` is called once for each run of them: a few large writes instead of one a line.
 */
export class Unframer {
  readonly #head = new Uint8Array(8);
  #have = 0;
  #left = 0;
  #stream: StreamNumber = 1;

  /** Calls `sink` with views of `block`; they are valid as long as the block is. Throws when the framing is broken. */
  push(block: Uint8Array, sink: (stream: StreamNumber, bytes: Uint8Array) => void): void {
    let from = 0; // the run lies between `from` and `to`
    let to = 0;
    let run = this.#stream;
    let at = 0;
    while (at < block.length) {
      if (this.#left === 0) {
        at = this.#header(block, at);
        if (this.#have < 8) break;
        this.#have = 0;
        if (this.#stream !== run || to === from) {
          if (to > from) sink(run, block.subarray(from, to));
          run = this.#stream;
          from = to = at;
        }
        continue;
      }
      const size = Math.min(this.#left, block.length - at);
      if (to !== at) block.copyWithin(to, at, at + size);
      to += size;
      at += size;
      this.#left -= size;
    }
    if (to > from) sink(run, block.subarray(from, to));
  }

  #header(block: Uint8Array, start: number): number {
    let at = start;
    while (this.#have < 8 && at < block.length) this.#head[this.#have++] = block[at++]!;
    if (this.#have === 8) {
      const [stream, , , , a, b, c, d] = this.#head as unknown as number[];
      if (stream! > 3) throw new Error(`unrecognized stream: ${stream}`);
      this.#stream = stream as StreamNumber;
      this.#left = ((a! << 24) | (b! << 16) | (c! << 8) | d!) >>> 0;
    }
    return at;
  }
}
