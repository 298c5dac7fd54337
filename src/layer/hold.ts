/** Keeps layers from being deleted while what will refer to them is being made: `using hold = layers.hold()`. */
export class Hold implements Disposable {
  readonly #counts: Map<string, number>;
  readonly #release: (chainId: string) => unknown;
  readonly #mine: string[] = [];

  constructor(counts: Map<string, number>, release: (chainId: string) => unknown) {
    this.#counts = counts;
    this.#release = release;
  }

  add(chainId: string): void {
    this.#counts.set(chainId, (this.#counts.get(chainId) ?? 0) + 1);
    this.#mine.push(chainId);
  }

  /** Lets go, the last one first: what nothing refers to by now is deleted. */
  [Symbol.dispose](): void {
    for (const chainId of this.#mine.splice(0).reverse()) {
      const left = this.#counts.get(chainId)! - 1;
      if (left > 0) this.#counts.set(chainId, left);
      else {
        this.#counts.delete(chainId);
        this.#release(chainId);
      }
    }
  }
}
