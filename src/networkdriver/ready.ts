import { closeSync } from "node:fs";

/** Time after a take before the next one is made: the request that took it goes first. milliseconds */
const PATIENCE = 4;

/** Network namespaces made ahead, since making one costs more than all else of a start. First made, first taken. */
export class Ready<T extends { readonly netns: number }> {
  readonly #size: number;
  readonly #make: () => T;
  readonly #unmake: (item: T) => void;
  readonly #items: T[] = [];
  #timer: Timer | undefined;
  #opened = false;

  /** `unmake` gives back what an item holds besides its namespace. */
  constructor(size: number, make: () => T, unmake: (item: T) => void = () => {}) {
    this.#size = size;
    this.#make = make;
    this.#unmake = unmake;
  }

  /** Begins to fill in the background. */
  open(): void {
    this.#opened = true;
    this.#refill();
  }

  /** One that is ready, or a new one. Throws what `make` throws. */
  take(): T {
    const item = this.#items.shift() ?? this.#make();
    this.#refill();
    return item;
  }

  /** Back to the head, unused. */
  giveBack(item: T): void {
    if (this.#opened) this.#items.unshift(item);
    else this.#drop(item);
  }

  /** Drops all that is ready; nothing is made from then on. */
  close(): void {
    this.#opened = false;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const item of this.#items.splice(0)) this.#drop(item);
  }

  #drop(item: T): void {
    closeSync(item.netns);
    this.#unmake(item);
  }

  /** One at a time, so that no request waits for more than one. A failure shows when one is taken. */
  #refill(): void {
    if (!this.#opened || this.#timer || this.#items.length >= this.#size) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      try {
        this.#items.push(this.#make());
      } catch {
        return;
      }
      this.#refill();
    }, PATIENCE);
    this.#timer.unref();
  }
}
