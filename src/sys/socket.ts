import type { Peer } from "../base/peer.ts";

/** More than this unread and the kernel keeps the rest, so that the writer waits. bytes */
const HIGH_WATER = 256 * 1024;

/** Where the stream socket comes from: an fd, which is ours from then on, or the path of a unix socket. */
export type Origin = { readonly fd: number } | { readonly unix: string };

/** A connected stream socket as a Peer, with back-pressure both ways and half-close. */
export class SocketPeer implements Peer {
  #socket: Bun.Socket | undefined;
  readonly #gone = new AbortController();
  readonly #chunks: Uint8Array[] = [];
  #queued = 0;
  #paused = false;
  #inputEnded = false;
  #outputEnded = false;
  #waiting: (() => void) | undefined;
  /** What the kernel has not taken yet, and who waits for it. */
  #unsent: { chunk: Uint8Array; done: () => void }[] = [];

  /** Resolves when it is connected; rejects when it cannot be. */
  static async connect(origin: Origin): Promise<SocketPeer> {
    const peer = new SocketPeer();
    peer.#socket = await Bun.connect({
      ...origin,
      allowHalfOpen: true,
      socket: {
        data: (_, chunk) => peer.#received(chunk),
        drain: () => peer.#flush(),
        end: () => peer.#ended(),
        close: () => peer.#closed(),
        error: () => peer.close(),
      },
    } as Bun.UnixSocketOptions<undefined>);
    return peer;
  }

  get closed(): AbortSignal {
    return this.#gone.signal;
  }

  readonly input: AsyncIterable<Uint8Array> = { [Symbol.asyncIterator]: () => this.#read() };

  write(chunk: Uint8Array): Promise<void> {
    if (chunk.length === 0 || this.#outputEnded || this.#gone.signal.aborted) return Promise.resolve();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#unsent.push({ chunk, done: resolve });
    this.#flush();
    return promise;
  }

  end(): void {
    if (this.#outputEnded) return;
    this.#outputEnded = true;
    this.#flush();
  }

  close(): void {
    this.#socket?.terminate();
    this.#closed();
  }

  async *#read(): AsyncGenerator<Uint8Array> {
    for (;;) {
      const chunk = this.#chunks.shift();
      if (chunk) {
        this.#queued -= chunk.length;
        if (this.#paused && this.#queued < HIGH_WATER / 2) this.#pause(false);
        yield chunk;
      } else if (this.#inputEnded) {
        return;
      } else {
        await new Promise<void>((resolve) => {
          this.#waiting = resolve;
        });
      }
    }
  }

  #received(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    this.#queued += chunk.length;
    if (this.#queued > HIGH_WATER) this.#pause(true);
    this.#waiting?.();
  }

  #pause(on: boolean): void {
    if (this.#paused === on) return;
    this.#paused = on;
    if (on) this.#socket?.pause();
    else this.#socket?.resume();
  }

  #ended(): void {
    this.#inputEnded = true;
    this.#waiting?.();
  }

  #closed(): void {
    this.#ended();
    for (const { done } of this.#unsent.splice(0)) done();
    this.#gone.abort();
  }

  #flush(): void {
    const socket = this.#socket;
    if (!socket) return;
    for (let first = this.#unsent[0]; first; first = this.#unsent[0]) {
      const sent = Math.max(0, socket.write(first.chunk));
      if (sent < first.chunk.length) {
        first.chunk = first.chunk.subarray(sent);
        return;
      }
      this.#unsent.shift();
      first.done();
    }
    if (this.#outputEnded) socket.shutdown();
  }
}
