import { closeSync, openSync } from "node:fs";
import { openFolder } from "../sys/files.ts";

/** Fds that are open for one call. */
export class Fds {
  readonly #open: number[] = [];

  folder(path: string): number {
    return this.#keep(openFolder(path));
  }

  file(path: string): number {
    return this.#keep(openSync(path, "r"));
  }

  /** The log with an fd that is open for appending; made when it is missing. */
  log<L extends { readonly path: string }>(log: L | undefined): (L & { fd: number }) | undefined {
    return log && { ...log, fd: this.#keep(openSync(log.path, "a", 0o640)) };
  }

  close(): void {
    for (const fd of this.#open.splice(0)) closeSync(fd);
  }

  #keep(fd: number): number {
    this.#open.push(fd);
    return fd;
  }
}
