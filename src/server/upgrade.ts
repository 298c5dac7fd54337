import type { IncomingMessage, ServerResponse } from "node:http";
import { STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import type { Hijack } from "../api/endpoint.ts";
import { messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Peer } from "../base/peer.ts";
import { drained, NodeCall } from "./call.ts";
import type { Headers, Reply } from "./reply.ts";
import type { Router } from "./router.ts";

/**
 * Answers a request that asks for an upgrade: attach and exec get the connection itself, all others an ordinary answer,
 * after which it is closed (curl asks every server for h2c). Never rejects.
 */
export async function upgrade(
  router: Router,
  request: IncomingMessage,
  socket: Duplex,
  log: Log,
): Promise<void> {
  const call = new NodeCall(request, (abort) => void socket.once("close", abort));
  const reply = await router(call);
  if (socket.destroyed) return;
  if (!reply.hijack) return plainly(socket, reply, request.method === "HEAD");
  socket.write(head("101 UPGRADED", { ...reply.headers, Connection: "Upgrade", Upgrade: "tcp" }));
  await handOver(new SocketPeer(socket), reply.hijack, log);
}

/**
 * The same for a caller that did not ask for an upgrade: its request's body is standard input, and the answer, neither
 * chunked nor counted, lasts until the connection ends.
 */
export async function hijackResponse(
  request: IncomingMessage,
  response: ServerResponse,
  reply: Reply,
  hijack: Hijack,
  log: Log,
): Promise<void> {
  response.shouldKeepAlive = false;
  response.useChunkedEncodingByDefault = false;
  response.writeHead(200, reply.headers);
  response.flushHeaders();
  await handOver(new SocketPeer(response, request), hijack, log);
}

async function handOver(peer: Peer, hijack: Hijack, log: Log): Promise<void> {
  try {
    await hijack.run(peer);
  } catch (error) {
    log.warn("a hijacked stream failed", { error: messageOf(error) });
  }
  peer.end();
}

async function plainly(socket: Duplex, reply: Reply, headOnly: boolean): Promise<void> {
  const status = `${reply.status} ${STATUS_CODES[reply.status] ?? ""}`;
  const headers: Record<string, string> = { ...reply.headers, Connection: "close" };
  if (typeof reply.body !== "object") headers["Content-Length"] = String(Buffer.byteLength(reply.body ?? ""));
  socket.write(head(status, headers));
  try {
    if (typeof reply.body === "string") headOnly || socket.write(reply.body);
    else if (reply.body)
      for await (const chunk of reply.body) if (!socket.write(chunk)) await drained(socket);
    socket.end();
  } catch {
    socket.destroy();
  }
}

function head(status: string, headers: Headers): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status}\r\n${lines.join("")}\r\n`;
}

/** A connection as a peer. `source` is what the other side sends where that is not the connection itself. */
export class SocketPeer implements Peer {
  readonly input: AsyncIterable<Uint8Array>;
  readonly closed: AbortSignal;
  readonly #socket: NodeJS.WritableStream & { destroy(): void; destroyed: boolean };

  constructor(socket: Duplex);
  constructor(socket: ServerResponse, source: IncomingMessage);
  constructor(socket: Duplex | ServerResponse, source?: IncomingMessage) {
    this.#socket = socket;
    const gone = new AbortController();
    this.closed = gone.signal;
    socket.on("error", () => socket.destroy());
    socket.on("close", () => gone.abort());
    if (socket.destroyed) gone.abort();
    this.input = reading(source ?? (socket as Duplex));
  }

  async write(chunk: Uint8Array): Promise<void> {
    if (this.#socket.destroyed) return;
    if (!this.#socket.write(chunk)) await drained(this.#socket);
  }

  end(): void {
    if (!this.#socket.destroyed) this.#socket.end();
  }

  close(): void {
    this.#socket.destroy();
  }
}

/**
 * What comes in, held back while nobody takes it. Ends at the other side's end of file, or when the connection is gone.
 * It listens from now on, not from the first read: an end of file that comes before is told once only.
 */
function reading(source: NodeJS.ReadableStream & { destroyed?: boolean }): AsyncGenerator<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let over = source.destroyed ?? false;
  let wake = () => {};
  source.on("data", (chunk: Uint8Array) => {
    chunks.push(chunk);
    source.pause();
    wake();
  });
  const end = () => {
    over = true;
    wake();
  };
  source.on("end", end);
  source.on("close", end);
  source.on("error", end);
  return (async function* () {
    for (;;) {
      const chunk = chunks.shift();
      if (chunk) yield chunk;
      else if (over) return;
      else {
        const { promise, resolve } = Promise.withResolvers<void>();
        wake = resolve;
        source.resume();
        await promise;
      }
    }
  })();
}
