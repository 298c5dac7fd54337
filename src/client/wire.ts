import type { Socket } from "bun";
import { EngineError } from "../base/errors.ts";
import type { Address } from "./address.ts";

/** Bytes that wait to be read before the socket is told to pause. */
const HIGH_WATER = 1 << 20;

/** No engine could be reached at that address. `reason` is the system's word: ENOENT, ECONNREFUSED, EACCES… */
export class ConnectError extends EngineError {
  readonly reason: string;

  constructor(host: string, reason: string, cause?: unknown) {
    super("unavailable", connectWords(host, reason), { cause });
    this.name = "ConnectError";
    this.reason = reason;
  }
}

function connectWords(host: string, reason: string): string {
  if (reason === "EACCES")
    return `permission denied while trying to connect to the Docker daemon socket at ${host}`;
  if (reason === "ENOENT" || reason === "ECONNREFUSED")
    return `Cannot connect to the Docker daemon at ${host}. Is the bunker daemon running?`;
  return `error during connect: ${host}: ${reason}`;
}

/** One connection, read by whoever asks for the next block, with back-pressure both ways. */
export class Wire {
  #socket!: Socket<undefined>;
  #blocks: Uint8Array[] = [];
  #waiting = 0;
  #paused = false;
  #ended = false;
  #failure: unknown;
  #wakeReader: (() => void) | undefined;
  #wakeWriter: (() => void) | undefined;
  readonly #closed = new AbortController();

  static async open(address: Address): Promise<Wire> {
    const wire = new Wire();
    const socket = {
      data: (_: unknown, block: Uint8Array) => wire.#received(block),
      drain: () => wire.#wakeWriter?.(),
      end: () => wire.#end(),
      close: (_: unknown, error?: unknown) => wire.#close(error),
      error: (_: unknown, error: unknown) => wire.#close(error),
      connectError: () => {},
    };
    try {
      wire.#socket = await connect(address, socket);
    } catch (error) {
      throw new ConnectError(address.host, (error as { code?: string }).code ?? String(error), error);
    }
    return wire;
  }

  /** Aborts when the connection is gone in both directions. */
  get closed(): AbortSignal {
    return this.#closed.signal;
  }

  /** The next block, or undefined at the end. The block belongs to the caller. Throws when the connection broke. */
  async read(): Promise<Uint8Array | undefined> {
    for (;;) {
      const block = this.#blocks.shift();
      if (block) {
        this.#waiting -= block.length;
        if (this.#paused && this.#waiting < HIGH_WATER / 2) this.#pause(false);
        return block;
      }
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#ended) return undefined;
      await new Promise<void>((wake) => {
        this.#wakeReader = wake;
      });
    }
  }

  /** Puts back what was read too far. */
  unread(block: Uint8Array): void {
    if (block.length === 0) return;
    this.#blocks.unshift(block);
    this.#waiting += block.length;
  }

  /** Resolves when the system has taken all of it, or at once when the connection is gone. */
  async write(bytes: Uint8Array): Promise<void> {
    let sent = 0;
    while (sent < bytes.length && !this.#closed.signal.aborted) {
      const taken = this.#socket.write(bytes, sent, bytes.length - sent);
      if (taken < 0) return;
      sent += taken;
      if (sent < bytes.length)
        await new Promise<void>((wake) => {
          this.#wakeWriter = wake;
        });
    }
  }

  /** Closes the writing half: the other side reads end of file. */
  shutdown(): void {
    if (!this.#closed.signal.aborted) this.#socket.shutdown();
  }

  close(): void {
    this.#socket.terminate();
    this.#close();
  }

  /** An idle connection keeps no process alive. */
  idle(idle: boolean): void {
    if (idle) this.#socket.unref();
    else this.#socket.ref();
  }

  /** True when it may carry another request: alive, and nothing unasked for arrived. */
  get usable(): boolean {
    return !this.#ended && !this.#closed.signal.aborted && this.#blocks.length === 0;
  }

  #received(block: Uint8Array): void {
    this.#blocks.push(block);
    this.#waiting += block.length;
    if (this.#waiting > HIGH_WATER && !this.#paused) this.#pause(true);
    this.#wake();
  }

  #pause(pause: boolean): void {
    this.#paused = pause;
    if (pause) this.#socket.pause();
    else this.#socket.resume();
  }

  #wake(): void {
    this.#wakeReader?.();
    this.#wakeReader = undefined;
  }

  #end(): void {
    this.#ended = true;
    this.#wake();
  }

  #close(error?: unknown): void {
    this.#failure ??= error;
    this.#end();
    this.#closed.abort();
    this.#wakeWriter?.();
  }
}

type Handlers = Parameters<typeof Bun.connect<undefined>>[0]["socket"];

function connect(address: Address, socket: Handlers): Promise<Socket<undefined>> {
  if (address.kind === "unix")
    return Bun.connect<undefined>({ unix: address.path, socket, allowHalfOpen: true });
  const { hostname, port, tls } = address;
  return Bun.connect<undefined>({
    hostname,
    port,
    socket,
    allowHalfOpen: true,
    tls: tls && {
      ca: tls.ca,
      cert: tls.cert,
      key: tls.key,
      rejectUnauthorized: tls.verify,
      serverName: hostname,
    },
  });
}
