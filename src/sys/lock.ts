import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from "node:fs";
import * as libc from "../../ffi/libc.ts";
import { check } from "./errors.ts";

const LOCK_EX = 2;
const LOCK_NB = 4;
const EWOULDBLOCK = -11;

/** A file of which one process at a time is the holder; the kernel lets go when the process ends, however it ends. */
export class LockFile {
  readonly #fd: number;

  private constructor(fd: number) {
    this.#fd = fd;
  }

  /** Takes the lock and writes our pid, or gives the pid of its holder (0: not known). flock(2). */
  static take(path: string): LockFile | number {
    const fd = openSync(path, "a+", 0o600);
    const result = libc.flock(fd, LOCK_EX | LOCK_NB);
    if (result < 0) {
      closeSync(fd);
      if (result !== EWOULDBLOCK) check("flock", path, result);
      return Number(readFileSync(path, "utf8")) || 0;
    }
    ftruncateSync(fd);
    writeSync(fd, String(process.pid));
    return new LockFile(fd);
  }

  release(): void {
    closeSync(this.#fd);
  }
}
