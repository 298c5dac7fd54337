import { invalid } from "../base/errors.ts";
import type { Peer } from "../base/peer.ts";
import type { Streams } from "../execdriver/driver.ts";

/** An attachment asked for before its container runs. One of the two is called, once. */
export interface Pending {
  readonly streams: Streams;
  /** The container runs: the process' end of the attachment. */
  ready(inside: Peer): void;
  /** It never will: the container was removed. */
  dropped(): void;
}

const DEFAULT_KEYS = Uint8Array.of(16, 17);
const CONTROL: Record<string, number> = { "@": 0, "[": 27, "\\": 28, "]": 29, "^": 30, _: 31 };

/** `ctrl-p,ctrl-q` or `a,b` to the bytes a terminal sends; empty means the default. Throws `invalid`. */
export function parseDetachKeys(text: string | undefined): Uint8Array {
  if (!text) return DEFAULT_KEYS;
  return Uint8Array.from(text.split(","), (key) => {
    if (key.length === 1 && key.charCodeAt(0) < 128) return key.charCodeAt(0);
    if (key === "DEL") return 127;
    const control = /^ctrl-(.)$/i.exec(key)?.[1]?.toLowerCase();
    if (control !== undefined && control >= "a" && control <= "z") return control.charCodeAt(0) - 96;
    const code = control === undefined ? undefined : CONTROL[control];
    if (code === undefined) throw invalid(`Invalid detach keys (${text}) provided`);
    return code;
  });
}

/** Finds the detach keys in what is typed, over chunk borders; holds back what may become them. */
export class KeyFilter {
  readonly #keys: Uint8Array;
  #matched = 0;

  constructor(keys: Uint8Array) {
    this.#keys = keys;
  }

  /** What may pass on, and whether the keys were seen: then all before them passes, nothing behind them. */
  feed(chunk: Uint8Array): { passed: Uint8Array; detached: boolean } {
    if (this.#matched === 0 && !chunk.includes(this.#keys[0]!)) return { passed: chunk, detached: false };
    const passed: number[] = [];
    for (const byte of chunk) {
      if (byte !== this.#keys[this.#matched] && this.#matched > 0) {
        passed.push(...this.#keys.subarray(0, this.#matched));
        this.#matched = 0;
      }
      if (byte !== this.#keys[this.#matched]) passed.push(byte);
      else if (++this.#matched === this.#keys.length)
        return { passed: Uint8Array.from(passed), detached: true };
    }
    return { passed: Uint8Array.from(passed), detached: false };
  }
}

/** How a connection between a client and a process came to its end. */
export type Ending = "output ended" | "detached" | "client gone";

export interface Conversation {
  /** What the client sends goes inside. */
  readonly stdin: boolean;
  /** The keys that end the conversation and leave the process alone. */
  readonly keys?: Uint8Array;
  /** Waited for before the client is told that it is over. */
  readonly before?: (ending: Ending) => Promise<void>;
}

/**
 * Joins a client with the inner end of an attachment until the process' output ends, the client types `keys`, or goes.
 * A client's end of file becomes end of file inside. Both are closed afterwards. Memory is bounded: a chunk is read when the last one was taken.
 */
export async function converse(
  client: Peer,
  inside: Peer,
  { stdin, keys, before }: Conversation,
): Promise<Ending> {
  const detached = Promise.withResolvers<Ending>();
  const gone = new Promise<Ending>((resolve) => {
    if (client.closed.aborted) resolve("client gone");
    client.closed.addEventListener("abort", () => resolve("client gone"), { once: true });
  });
  if (stdin) void typed(client, inside, keys).then((seen) => seen && detached.resolve("detached"));
  const ending = await Promise.race([shown(inside, client), detached.promise, gone]);
  inside.close();
  await before?.(ending);
  client.end();
  return ending;
}

async function shown(inside: Peer, client: Peer): Promise<Ending> {
  try {
    for await (const chunk of inside.input) await client.write(chunk);
  } catch {
    // the monitor is gone: as good as the end of the output
  }
  return client.closed.aborted ? "client gone" : "output ended";
}

/** True when the detach keys were typed. */
async function typed(client: Peer, inside: Peer, keys: Uint8Array | undefined): Promise<boolean> {
  const filter = keys && new KeyFilter(keys);
  try {
    for await (const chunk of client.input) {
      const { passed, detached } = filter ? filter.feed(chunk) : { passed: chunk, detached: false };
      if (passed.length > 0) await inside.write(passed);
      if (detached) return true;
    }
  } catch {
    // the client hung up: the same as its end of file
  }
  inside.end();
  return false;
}
