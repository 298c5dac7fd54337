import * as at from "../sys/at.ts";
import { SyscallError } from "../sys/errors.ts";

/** Parents kept open: a tar goes through its folders one after the other. */
const MAX_OPEN = 64;

/** The folder that a tar is unpacked into. Every path in it is resolved as a process would whose root it is. */
export class Root implements Disposable {
  readonly fd: number;
  readonly #parents = new Map<string, number>();
  /** Forgotten while somebody may still use them: closed when the outermost `in` ends. */
  readonly #stale: number[] = [];
  #depth = 0;

  constructor(path: string) {
    this.fd = at.openFolder(path);
  }

  /** Calls `body` with the opened parent of `path`, made when `make`; `whole` makes the path itself a folder too. */
  in(path: string, body: (dir: number, base: string) => void, make = false, whole = false): void {
    const slash = path.lastIndexOf("/");
    const base = path.slice(slash + 1);
    this.#depth++;
    try {
      const dir = slash < 0 ? this.fd : this.#parent(path.slice(0, slash), make);
      if (whole) makeMissing(dir, base);
      body(dir, base);
    } finally {
      if (--this.#depth === 0) this.#closeStale();
    }
  }

  #parent(path: string, make: boolean): number {
    const known = this.#parents.get(path);
    if (known !== undefined) return known;
    let fd: number;
    try {
      fd = at.openInRoot(this.fd, path);
    } catch (error) {
      if (!make || !(error instanceof SyscallError && error.code === "ENOENT")) throw error;
      this.in(path, makeMissing, true);
      fd = at.openInRoot(this.fd, path);
    }
    if (this.#parents.size >= MAX_OPEN) this.forget();
    this.#parents.set(path, fd);
    return fd;
  }

  /** Lets the opened parents go: a name may mean another folder now. */
  forget(): void {
    this.#stale.push(...this.#parents.values());
    this.#parents.clear();
    if (this.#depth === 0) this.#closeStale();
  }

  [Symbol.dispose](): void {
    this.#depth = 0;
    this.forget();
    at.close(this.fd);
  }

  #closeStale(): void {
    for (const fd of this.#stale.splice(0)) at.close(fd);
  }
}

/** A folder that a tar implies without naming it: root's, 0755, as Docker makes it. */
function makeMissing(dir: number, base: string): void {
  try {
    at.makeFolder(dir, base, 0o755);
  } catch (error) {
    if (!(error instanceof SyscallError && error.code === "EEXIST")) throw error;
    return;
  }
  at.setMode(dir, base, 0o755);
}

/** The name without `.`, `..` and needless slashes; undefined when it climbs out. */
export function cleaned(name: string): string | undefined {
  if (name.includes("\0")) return undefined;
  const parts: string[] = [];
  for (const part of name.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== "..") parts.push(part);
    else if (parts.pop() === undefined) return undefined;
  }
  return parts.join("/");
}
