import { closeSync } from "node:fs";
import { monitorFd } from "../../ffi/embed.ts";
import { z } from "../../ffi/libc.ts";
import { shim } from "../../ffi/shim.ts";
import { check } from "./errors.ts";

const ESRCH = 3;
const EAGAIN = 11;

/** A process of ours and its pidfd, which is the caller's to close (or to `reap`). */
export interface Child {
  readonly pid: number;
  readonly pidfd: number;
}

/**
 * Runs the embedded monitor as `bunker monitor ID` in a session of its own; `fds` become 3, 4 and so on. Returns when it
 * has been exec'ed; the daemon's heap does not matter (clone(2) CLONE_VM|CLONE_VFORK). Throws SyscallError.
 */
export function spawnMonitor(id: string, fds: readonly number[]): Child {
  const pidfd = new Int32Array(1);
  const handed = Int32Array.from(fds);
  const pid = check("clone", id, shim().bk_spawn(monitorFd(), z(id), handed, handed.length, pidfd));
  return { pid, pidfd: pidfd[0]! };
}

/** An fd that stands for the process, close-on-exec. Throws SyscallError: ESRCH when there is none. pidfd_open(2). */
export const openPidfd = (pid: number): number => check("pidfd_open", String(pid), shim().bk_pidfd_open(pid));

/** Sends a signal by number; false when the process has ended and was reaped. pidfd_send_signal(2). */
export function signalPidfd(pidfd: number, signal: number): boolean {
  const result = shim().bk_pidfd_signal(pidfd, signal);
  if (result === -ESRCH) return false;
  check("pidfd_send_signal", String(signal), result);
  return true;
}

/** Resolves when the process behind `pidfd` has ended, whoever's child it is. The pidfd stays the caller's. */
export function ended(pidfd: number): Promise<void> {
  const copy = check("dup", String(pidfd), shim().bk_dup(pidfd)); // Bun closes the one it gets
  return new Promise((resolve, reject) => {
    Bun.connect({
      fd: copy,
      socket: { data() {}, close: () => resolve() },
    } as unknown as Bun.UnixSocketOptions<undefined>).catch(reject);
  });
}

/** Waits for our own child, takes its exit code (128+n: signal n) and closes the pidfd. */
export async function reap({ pidfd }: Child): Promise<number> {
  try {
    let code = shim().bk_pidfd_reap(pidfd, 1);
    if (code === -EAGAIN) {
      await ended(pidfd);
      code = shim().bk_pidfd_reap(pidfd, 0);
    }
    return check("waitid", String(pidfd), code);
  } finally {
    closeSync(pidfd);
  }
}
