import type { IncomingMessage } from "node:http";
import type { Call } from "./router.ts";

/** Node's request as a call. */
export class NodeCall implements Call {
  readonly #request: IncomingMessage;
  readonly #gone: (abort: () => void) => void;
  #signal: AbortSignal | undefined;

  /** `gone` calls back when the caller hangs up before the answer is out. */
  constructor(request: IncomingMessage, gone: (abort: () => void) => void) {
    this.#request = request;
    this.#gone = gone;
  }

  get method(): string {
    return this.#request.method!;
  }

  get target(): string {
    return this.#request.url!;
  }

  get body(): AsyncIterable<Uint8Array> {
    return this.#request;
  }

  get signal(): AbortSignal {
    if (!this.#signal) {
      const abort = new AbortController();
      this.#signal = abort.signal;
      this.#gone(() => abort.abort());
    }
    return this.#signal;
  }

  header(name: string): string | undefined {
    const value = this.#request.headers[name];
    return Array.isArray(value) ? value.join(", ") : value;
  }
}

/** Resolves when more may be written, or when nobody reads any more. */
export function drained(writer: NodeJS.WritableStream): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const done = () => {
    writer.off("drain", done);
    writer.off("close", done);
    resolve();
  };
  writer.on("drain", done);
  writer.on("close", done);
  return promise;
}
