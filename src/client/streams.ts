import type { Duplex } from "./client.ts";
import { Unframer } from "./frames.ts";

/** A piece of what a container or command wrote. */
export interface Piece {
  readonly stream: "stdout" | "stderr";
  readonly bytes: Uint8Array;
}

/** What a command's standard input is made of. */
export type Input = string | Uint8Array | AsyncIterable<Uint8Array | string>;

/** The pieces of an attach, exec or log stream in their order; with a terminal everything is stdout. */
export async function* pieces(blocks: AsyncIterable<Uint8Array>, framed: boolean): AsyncGenerator<Piece> {
  const unframer = new Unframer();
  for await (const block of blocks) {
    const found: Piece[] = [];
    if (framed)
      unframer.push(block, (stream, bytes) =>
        found.push({ stream: stream <= 1 ? "stdout" : "stderr", bytes }),
      );
    else found.push({ stream: "stdout", bytes: block });
    yield* found;
  }
}

/** All of it as text, each stream for itself. */
export async function gather(from: AsyncIterable<Piece>): Promise<{ stdout: string; stderr: string }> {
  const decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() };
  const text = { stdout: "", stderr: "" };
  for await (const { stream, bytes } of from)
    text[stream] += decoders[stream].decode(bytes, { stream: true });
  return text;
}

/** Writes `input` and closes the container's standard input behind it. */
export async function feed(duplex: Duplex, input: Input): Promise<void> {
  const encoder = new TextEncoder();
  const bytes = (part: string | Uint8Array) => (typeof part === "string" ? encoder.encode(part) : part);
  if (typeof input === "string" || input instanceof Uint8Array) await duplex.write(bytes(input));
  else for await (const part of input) await duplex.write(bytes(part));
  duplex.end();
}
