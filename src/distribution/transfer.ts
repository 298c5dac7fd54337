import { EngineError } from "../base/errors.ts";

/** Who waits for a transfer. */
export interface Asker<P> {
  readonly signal: AbortSignal;
  readonly progress: (event: P) => void;
}

/** What the work of a transfer is given. */
export interface Work<P, A extends Asker<P>> {
  /** Aborts when the last asker has gone. */
  readonly signal: AbortSignal;
  /** Tells all askers. */
  readonly tell: (event: P) => void;
  /** Those who wait now. */
  readonly askers: ReadonlySet<A>;
}

interface Transfer<P, A extends Asker<P>, T> {
  readonly result: Promise<T>;
  readonly askers: Set<A>;
  readonly abort: AbortController;
  last: P | undefined;
}

/** Work that many may ask for at once and that is done once: layers by chain id. */
export class Transfers<P, A extends Asker<P>, T> {
  readonly #running = new Map<string, Transfer<P, A, T>>();

  /**
   * Joins the transfer of this key, or starts it. Its last progress is told at once to who comes late. An asker who gives
   * up gets `canceled`; the work goes on for the others.
   */
  async share(key: string, asker: A, start: (work: Work<P, A>) => Promise<T>): Promise<T> {
    const transfer = this.#running.get(key) ?? this.#start(key, start);
    transfer.askers.add(asker);
    if (transfer.last !== undefined) asker.progress(transfer.last);
    const gone = Promise.withResolvers<never>();
    const leave = () => {
      transfer.askers.delete(asker);
      if (transfer.askers.size === 0) transfer.abort.abort();
      gone.reject(new EngineError("canceled", "the pull was canceled"));
    };
    asker.signal.addEventListener("abort", leave, { once: true });
    if (asker.signal.aborted) leave();
    try {
      // Who is alone waits until the work has cleaned up behind itself.
      return await Promise.race([transfer.result, gone.promise]);
    } catch (error) {
      if (transfer.askers.size === 0) await transfer.result.catch(() => {});
      throw error;
    } finally {
      asker.signal.removeEventListener("abort", leave);
      transfer.askers.delete(asker);
    }
  }

  /** Resolves when no transfer of this key runs any more, however it ended. */
  async ended(key: string): Promise<void> {
    for (let running = this.#running.get(key); running; running = this.#running.get(key))
      await running.result.catch(() => {});
  }

  #start(key: string, start: (work: Work<P, A>) => Promise<T>): Transfer<P, A, T> {
    const askers = new Set<A>();
    const abort = new AbortController();
    const tell = (event: P) => {
      transfer.last = event;
      for (const asker of askers) asker.progress(event);
    };
    // Begins when the first asker is in the set.
    const result = Promise.resolve()
      .then(() => start({ signal: abort.signal, tell, askers }))
      .finally(() => {
        if (this.#running.get(key) === transfer) this.#running.delete(key);
      });
    const transfer: Transfer<P, A, T> = { result, askers, abort, last: undefined };
    result.catch(() => {});
    abort.signal.addEventListener("abort", () => this.#running.delete(key));
    this.#running.set(key, transfer);
    return transfer;
  }
}

/** So many at once, the others in the order in which they asked. */
export class Slots {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  /** True when one can be had without waiting. */
  get free(): boolean {
    return this.#free > 0;
  }

  async hold<T>(body: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => void this.#waiting.push(resolve));
    try {
      return await body();
    } finally {
      const next = this.#waiting.shift();
      if (next) next();
      else this.#free++;
    }
  }
}
