import { messageOf } from "./errors.ts";
import type { Log } from "./log.ts";

/**
 * What must be undone when a later step fails, run in reverse. Push in the same line that did it.
 *
 *     const undo = new Undo(log);
 *     return await undo.around(async () => { … undo.push("unmount", () => unmount(path)); … });
 */
export class Undo {
  readonly #log: Log;
  #steps: { what: string; run: () => unknown }[] = [];

  constructor(log: Log) {
    this.#log = log;
  }

  push(what: string, run: () => unknown): void {
    this.#steps.push({ what, run });
  }

  /** Runs `body`; when it throws, undoes in reverse and throws the same error on. A failing undo is logged, not thrown. */
  async around<T>(body: () => Promise<T>): Promise<T> {
    try {
      return await body();
    } catch (error) {
      await this.unwind();
      throw error;
    }
  }

  /** Undoes all that was pushed so far, last first. */
  async unwind(): Promise<void> {
    for (const step of this.#steps.splice(0).reverse()) {
      try {
        await step.run();
      } catch (error) {
        this.#log.error("undo failed", { step: step.what, error: messageOf(error) });
      }
    }
  }
}
