/** One holder a key; others wait in the order in which they asked. */
export class Lock {
  readonly #tails = new Map<string, Promise<void>>();

  /** Runs `body` while no other body of the same `key` runs; its result or error is passed on. */
  async hold<T>(key: string, body: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key);
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#tails.set(key, promise);
    if (before) await before;
    try {
      return await body();
    } finally {
      resolve();
      if (this.#tails.get(key) === promise) this.#tails.delete(key);
    }
  }
}
