import { closeSync } from "node:fs";

/** Time after a take before the next one is made: the start that took it goes first, to its end. milliseconds */
const PATIENCE = 25;

/** Network namespaces made ahead, since making one costs more than all else of a start. First made, first taken. */
export class Ready<T extends { readonly netns: number }> {
  readonly #size: number;
  readonly #make: () => Promise<T>;
  readonly #unmake: (item: T) => void;
  readonly #items: T[] = [];
  /** Those who came while nothing was ready, in order. */
  readonly #waiting: PromiseWithResolvers<T>[] = [];
  #making = 0;
  #timer: Timer | undefined;
  #opened = false;

  /** `unmake` gives back what an item holds besides its namespace. */
  constructor(size: number, make: () => Promise<T>, unmake: (item: T) => void = () => {}) {
    this.#size = size;
    this.#make = make;
    this.#unmake = unmake;
  }

  /** Begins to fill in the background. */
  open(): void {
    this.#opened = true;
    this.#refill();
  }

  /** One that is ready, or the next one made. Rejects with what `make` rejects with. */
  async take(): Promise<T> {
    const item = this.#items.shift();
    if (item) {
      this.#later();
      return item;
    }
    const waiting = Promise.withResolvers<T>();
    this.#waiting.push(waiting);
    if (this.#making < this.#waiting.length) this.#one();
    return waiting.promise;
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

  #later(): void {
    if (this.#timer || !this.#opened) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#refill();
    }, PATIENCE);
    this.#timer.unref();
  }

  /** One at a time. A failure ends it; the next take tries again, and hears of it. */
  #refill(): void {
    if (this.#opened && this.#making === 0 && this.#items.length < this.#size) this.#one();
  }

  #one(): void {
    this.#making++;
    this.#make().then(
      (item) => {
        this.#making--;
        const first = this.#waiting.shift();
        if (first) first.resolve(item);
        else if (this.#opened) this.#items.push(item);
        else this.#drop(item);
        this.#refill();
      },
      (error: unknown) => {
        this.#making--;
        this.#waiting.shift()?.reject(error);
      },
    );
  }
}
