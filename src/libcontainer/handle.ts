import { closeSync, readFileSync } from "node:fs";
import type { SyscallError } from "../sys/errors.ts";
import { openPidfd, signalPidfd } from "../sys/process.ts";

/**
 * A pidfd of a container's first process, opened when it is first needed: most containers end without. Its pid may
 * belong to another by then, so it counts only if the process stands in the container's cgroup.
 */
export class ProcessHandle {
  readonly #pid: number;
  readonly #cgroup: string;
  #fd: number | undefined;
  #closed = false;

  constructor(pid: number, cgroup: string) {
    this.#pid = pid;
    this.#cgroup = cgroup;
  }

  /** The pidfd, which stays ours; undefined when the process has ended. */
  get(): number | undefined {
    if (this.#closed) return undefined;
    this.#fd ??= this.#find();
    return this.#fd;
  }

  /** False: it has ended. */
  signal(number: number): boolean {
    const fd = this.get();
    return fd !== undefined && signalPidfd(fd, number);
  }

  close(): void {
    this.#closed = true;
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }

  #find(): number | undefined {
    let fd: number | undefined;
    try {
      fd = openPidfd(this.#pid);
      const cgroups = readFileSync(`/proc/${this.#pid}/cgroup`, "utf8");
      if (signalPidfd(fd, 0) && cgroups.includes(`:${this.#cgroup}`)) return fd;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException | SyscallError;
      if (code !== "ESRCH" && code !== "ENOENT") throw error;
    }
    if (fd !== undefined) closeSync(fd);
    return undefined;
  }
}
