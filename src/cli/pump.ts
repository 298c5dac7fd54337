import type { Duplex } from "../client/client.ts";
import { Unframer } from "../client/frames.ts";
import { Sink } from "./output.ts";

export interface PumpOptions {
  /** With a terminal the stream has no frames. */
  readonly tty: boolean;
  readonly stdin: boolean;
  /** Reads what is typed; true means the user has detached. */
  readonly detached?: (typed: Uint8Array) => boolean;
}

/** Copies a container's streams to ours until they end. */
export async function pump(duplex: Duplex, options: PumpOptions): Promise<"ended" | "detached"> {
  const detached = Promise.withResolvers<"detached">();
  if (options.stdin) feed(duplex, options, () => detached.resolve("detached")).catch(() => duplex.end());
  const ended = copyOut(duplex.input, options.tty).then(() => "ended" as const);
  const how = await Promise.race([ended, detached.promise]);
  if (how === "detached") await Promise.race([ended, Bun.sleep(500)]); // the engine says good-bye by closing
  duplex.close();
  return how;
}

/** Bytes as they come when `raw`, else frames taken apart. */
export async function copyOut(blocks: AsyncIterable<Uint8Array>, raw: boolean): Promise<void> {
  const out = new Sink(1);
  const err = new Sink(2);
  const unframer = new Unframer();
  for await (const block of blocks) {
    if (raw) {
      await out.write(block);
      continue;
    }
    const runs: [Sink, Uint8Array][] = [];
    unframer.push(block, (stream, bytes) => runs.push([stream <= 1 ? out : err, bytes]));
    for (const [sink, bytes] of runs) {
      const blocked = sink.write(bytes);
      if (blocked) await blocked;
    }
  }
}

async function feed(duplex: Duplex, { detached }: PumpOptions, leave: () => void): Promise<void> {
  for await (const typed of Bun.stdin.stream()) {
    await duplex.write(typed);
    if (!detached?.(typed)) continue;
    leave();
    return;
  }
  duplex.end();
}
