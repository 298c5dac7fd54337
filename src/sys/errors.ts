import { constants } from "node:os";

const NAMES = new Map(Object.entries(constants.errno).map(([name, number]) => [number, name]));

/** A system call that failed: `mount(/a/b): EBUSY`. */
export class SyscallError extends Error {
  readonly call: string;
  /** `ENOENT` and the like. */
  readonly code: string;
  /** positive */
  readonly errno: number;

  constructor(call: string, what: string, errno: number) {
    const code = NAMES.get(errno) ?? `errno ${errno}`;
    super(`${call}(${what}): ${code}`);
    this.name = "SyscallError";
    this.call = call;
    this.code = code;
    this.errno = errno;
  }
}

/** Passes a result of 0 or more on; throws SyscallError for -errno. */
export function check(call: string, what: string, result: number): number {
  if (result < 0) throw new SyscallError(call, what, -result);
  return result;
}
