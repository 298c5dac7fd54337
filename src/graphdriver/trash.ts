import { mkdirSync, readdirSync, renameSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";

/** Takes folders away at once by a rename, and deletes what is in them afterwards, one after the other. */
export class Trash {
  readonly #folder: string;
  #last: Promise<void> = Promise.resolve();
  #count = 0;

  /** `folder` must be on the file system of what is thrown away; made when missing. */
  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  }

  /** True when it was there. */
  take(path: string): boolean {
    const place = join(this.#folder, `${Date.now().toString(36)}-${process.pid}-${this.#count++}`);
    try {
      renameSync(path, place);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
      throw error;
    }
    this.#delete(place);
    return true;
  }

  /** Goes on with what an earlier daemon had not finished. */
  empty(): void {
    for (const name of readdirSync(this.#folder)) this.#delete(join(this.#folder, name));
  }

  /** Resolves when all that was taken until now is deleted. */
  idle(): Promise<void> {
    return this.#last;
  }

  #delete(place: string): void {
    this.#last = this.#last.then(() => rm(place, { recursive: true, force: true }).catch(() => {}));
  }
}
