const CR = 13;

/**
 * Takes the chunked framing off a body (RFC 9112 section 7.1), block by block. The payload of a block is moved together
 * at the block's own front, so a stream of many small chunks costs one pass and no copies elsewhere.
 */
export class Dechunker {
  /** Set once the last chunk and the trailer have passed. */
  done = false;
  /** What stood in the last block behind the end of the body. */
  rest: Uint8Array | undefined;
  #left = 0;
  #state: "size" | "data" | "crlf" | "trailer" = "size";
  #line = "";

  /** The payload within `block`; a view of it, valid as long as the block is. Throws on broken framing. */
  push(block: Uint8Array): Uint8Array {
    let to = 0;
    let at = 0;
    while (at < block.length && !this.done) {
      if (this.#state === "data") {
        const size = Math.min(this.#left, block.length - at);
        if (to !== at) block.copyWithin(to, at, at + size);
        to += size;
        at += size;
        this.#left -= size;
        if (this.#left === 0) this.#state = "crlf";
      } else {
        const end = block.indexOf(10, at);
        const line = end < 0 ? block.subarray(at) : block.subarray(at, end);
        this.#line += ascii(line);
        at += line.length + 1;
        if (end >= 0) this.#endOfLine();
      }
    }
    if (this.done && at < block.length) this.rest = block.slice(at);
    return block.subarray(0, to);
  }

  #endOfLine(): void {
    const line = this.#line;
    this.#line = "";
    if (this.#state === "crlf") this.#state = "size";
    else if (this.#state === "trailer") this.done = line === "";
    else {
      const size = Number.parseInt(line, 16);
      if (!/^[0-9a-fA-F]+\s*(;|$)/.test(line))
        throw new Error(`malformed chunk size ${JSON.stringify(line)}`);
      this.#left = size;
      this.#state = size === 0 ? "trailer" : "data";
    }
  }
}

const ascii = (line: Uint8Array): string => {
  let text = "";
  for (const byte of line) if (byte !== CR) text += String.fromCharCode(byte);
  return text;
};
