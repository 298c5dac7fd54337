import type { IncomingMessage } from "node:http";
import { EngineError } from "../base/errors.ts";
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
    return bodyOf(this.#request);
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

/** A caller that hangs up within its body is no bug of ours. */
async function* bodyOf(request: IncomingMessage): AsyncGenerator<Uint8Array> {
  try {
    yield* request;
  } catch (error) {
    throw new EngineError("canceled", "the client hung up", { cause: error });
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
