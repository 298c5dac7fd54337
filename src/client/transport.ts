import type { Peer } from "../base/peer.ts";
import type { Address } from "./address.ts";
import { Dechunker } from "./chunked.ts";
import { Wire } from "./wire.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const END_OF_HEAD = new Uint8Array([13, 10, 13, 10]);

export interface Request {
  readonly method: string;
  readonly target: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | AsyncIterable<Uint8Array>;
  /** Asks for the connection itself: `Connection: Upgrade`. */
  readonly upgrade?: boolean;
  readonly signal?: AbortSignal;
}

export interface Response {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  /** To be read to its end, or left by `return()`: both free the connection. A block is the reader's own. */
  readonly body: AsyncGenerator<Uint8Array>;
  /** After status 101, or 200 to an upgrade: the raw connection. */
  peer(): Peer;
}

/** HTTP/1.1 to one engine over a few kept connections. Written by hand: `node:http` alone costs 5 ms of start-up. */
export class Transport {
  readonly address: Address;
  readonly #idle: Wire[] = [];

  constructor(address: Address) {
    this.address = address;
  }

  /** Opens a connection ahead of its use. Failure is left for the request to meet. */
  async warm(): Promise<void> {
    try {
      this.#release(await Wire.open(this.address));
    } catch {
      // the request that wants it will say so
    }
  }

  /** Resolves when the head of the answer is there. Throws ConnectError, or what broke the connection. */
  async send(request: Request): Promise<Response> {
    request.signal?.throwIfAborted();
    const kept = this.#take();
    const wire = kept ?? (await Wire.open(this.address));
    const abort = () => wire.close();
    request.signal?.addEventListener("abort", abort, { once: true });
    const release = (reusable: boolean) => {
      request.signal?.removeEventListener("abort", abort);
      if (reusable) this.#release(wire);
      else wire.close();
    };
    let unreadable: unknown;
    try {
      // A refusal may come, and the connection end, before a long body is sent: the answer is what counts.
      this.#write(wire, request).catch((error) => {
        unreadable = error;
        wire.close();
      });
      const head = await readHead(wire);
      return answerOf(wire, head, request, release);
    } catch (error) {
      release(false);
      request.signal?.throwIfAborted();
      if (unreadable !== undefined) throw unreadable; // the body's own source failed: nobody waits for an answer
      // A kept connection may have been closed by the engine in the meantime; nothing of the answer came.
      if (kept && error instanceof NoAnswer && !isStream(request.body)) return this.send(request);
      throw error;
    }
  }

  /** Closes what is idle. */
  close(): void {
    for (const wire of this.#idle.splice(0)) wire.close();
  }

  #take(): Wire | undefined {
    for (;;) {
      const wire = this.#idle.pop();
      if (!wire) return undefined;
      if (!wire.usable) {
        wire.close();
        continue;
      }
      wire.idle(false);
      return wire;
    }
  }

  #release(wire: Wire): void {
    if (!wire.usable) {
      wire.close();
      return;
    }
    wire.idle(true);
    this.#idle.push(wire);
  }

  async #write(wire: Wire, { method, target, headers, body, upgrade }: Request): Promise<void> {
    const { address } = this;
    const host = address.kind === "unix" ? "bunker" : `${address.hostname}:${address.port}`;
    let head = `${method} ${target} HTTP/1.1\r\nHost: ${host}\r\nUser-Agent: bunker\r\n`;
    for (const name in headers) head += `${name}: ${headers[name]}\r\n`;
    if (upgrade) head += "Connection: Upgrade\r\nUpgrade: tcp\r\n";
    if (isStream(body)) {
      await wire.write(encoder.encode(`${head}Transfer-Encoding: chunked\r\n\r\n`));
      return writeChunks(wire, body);
    }
    const bytes = encoder.encode(body ?? "");
    if (body !== undefined || method === "POST" || method === "PUT")
      head += `Content-Length: ${bytes.length}\r\n`;
    const start = encoder.encode(`${head}\r\n`);
    const whole = new Uint8Array(start.length + bytes.length);
    whole.set(start);
    whole.set(bytes, start.length);
    await wire.write(whole);
  }
}

class NoAnswer extends Error {}

const isStream = (body: Request["body"]): body is AsyncIterable<Uint8Array> => typeof body === "object";

async function writeChunks(wire: Wire, body: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const chunk of body) {
    if (wire.closed.aborted) return;
    if (chunk.length === 0) continue;
    await wire.write(encoder.encode(`${chunk.length.toString(16)}\r\n`));
    await wire.write(chunk);
    await wire.write(encoder.encode("\r\n"));
  }
  await wire.write(encoder.encode("0\r\n\r\n"));
}

interface Head {
  readonly status: number;
  readonly headers: Map<string, string>;
}

/** Reads up to the blank line; 1xx answers other than 101 are passed over. */
async function readHead(wire: Wire): Promise<Head> {
  let have: Uint8Array = new Uint8Array(0);
  for (;;) {
    const end = Buffer.from(have.buffer, have.byteOffset, have.length).indexOf(END_OF_HEAD);
    if (end < 0) {
      const block = await wire.read();
      if (!block) throw new NoAnswer("the engine closed the connection without an answer");
      have = have.length === 0 ? block : Buffer.concat([have, block]);
      continue;
    }
    const [first, ...lines] = decoder.decode(have.subarray(0, end)).split("\r\n");
    have = have.subarray(end + 4);
    const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(first!)?.[1]);
    if (!status) throw new Error(`not an HTTP answer: ${JSON.stringify(first!.slice(0, 40))}`);
    if (status < 200 && status !== 101) continue;
    wire.unread(have);
    const headers = new Map<string, string>();
    for (const line of lines) {
      const colon = line.indexOf(":");
      headers.set(line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim());
    }
    return { status, headers };
  }
}

function answerOf(
  wire: Wire,
  { status, headers }: Head,
  { method, upgrade }: Request,
  release: (reusable: boolean) => void,
): Response {
  const keep = headers.get("connection")?.toLowerCase() !== "close";
  const raw = status === 101 || (upgrade === true && status === 200);
  const length = headers.get("content-length");
  const empty = method === "HEAD" || status === 204 || status === 304 || length === "0";
  if (empty && !raw) release(keep);
  const body = empty
    ? nothing()
    : headers.get("transfer-encoding")?.toLowerCase() === "chunked"
      ? chunkedBody(wire, (whole) => release(whole && keep))
      : plainBody(wire, length === undefined ? Number.POSITIVE_INFINITY : Number(length), (whole) =>
          release(whole && keep && length !== undefined),
        );
  return { status, headers, body, peer: () => peerOf(wire) };
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

async function* chunkedBody(wire: Wire, done: (whole: boolean) => void): AsyncGenerator<Uint8Array> {
  const dechunker = new Dechunker();
  let whole = false;
  try {
    while (!dechunker.done) {
      const block = await wire.read();
      if (!block) throw new Error("unexpected EOF");
      const payload = dechunker.push(block);
      if (dechunker.done && dechunker.rest === undefined) whole = true;
      if (payload.length > 0) yield payload;
    }
  } finally {
    done(whole);
  }
}

async function* plainBody(
  wire: Wire,
  length: number,
  done: (whole: boolean) => void,
): AsyncGenerator<Uint8Array> {
  let left = length;
  try {
    while (left > 0) {
      const block = await wire.read();
      if (!block && Number.isFinite(left)) throw new Error("unexpected EOF");
      if (!block) break;
      const size = Math.min(left, block.length);
      wire.unread(block.subarray(size));
      left -= size;
      yield block.subarray(0, size);
    }
  } finally {
    done(left === 0);
  }
}

function peerOf(wire: Wire): Peer {
  return {
    input: inputOf(wire),
    write: (chunk) => wire.write(chunk),
    end: () => wire.shutdown(),
    close: () => wire.close(),
    closed: wire.closed,
  };
}

/** When the engine has said all, or nobody listens any more, the connection has served. */
async function* inputOf(wire: Wire): AsyncGenerator<Uint8Array> {
  try {
    for (let block = await wire.read(); block; block = await wire.read()) yield block;
  } finally {
    wire.close();
  }
}
