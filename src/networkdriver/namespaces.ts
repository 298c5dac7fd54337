import { internal } from "../base/errors.ts";
import type { NamespaceRequest } from "./namespace.ts";

export interface ToWorker {
  readonly number: number;
  readonly request: NamespaceRequest;
}

export type FromWorker =
  | { readonly number: number; readonly netns: number }
  | { readonly number: number; readonly error: string };

/** Makes network namespaces, one after the other, in a Worker that starts with the first one. */
export class Namespaces {
  readonly #asked = new Map<number, PromiseWithResolvers<number>>();
  #worker: Worker | undefined;
  #number = 0;

  /** An open descriptor of a namespace that is as asked: the caller's. Throws `internal` with the call that failed. */
  make(request: NamespaceRequest): Promise<number> {
    this.#worker ??= this.#start();
    const answer = Promise.withResolvers<number>();
    this.#asked.set(++this.#number, answer);
    this.#worker.postMessage({ number: this.#number, request } satisfies ToWorker);
    return answer.promise;
  }

  /** Ends the Worker once it has answered what it was asked. */
  async close(): Promise<void> {
    await Promise.allSettled([...this.#asked.values()].map(({ promise }) => promise));
    this.#worker?.terminate();
    this.#worker = undefined;
  }

  #start(): Worker {
    const worker = new Worker(new URL("./namespace.worker.ts", import.meta.url).href);
    worker.unref();
    worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
      const asked = this.#asked.get(data.number);
      this.#asked.delete(data.number);
      if ("netns" in data) asked?.resolve(data.netns);
      else asked?.reject(internal(`a network namespace cannot be made: ${data.error}`));
    };
    worker.onerror = (event: ErrorEvent) => {
      this.#worker = undefined;
      for (const { reject } of this.#asked.values())
        reject(internal(`the worker that makes network namespaces failed: ${event.message}`));
      this.#asked.clear();
    };
    return worker;
  }
}
