import { EngineError, invalid } from "../base/errors.ts";
import * as at from "../sys/at.ts";
import { SyscallError } from "../sys/errors.ts";
import { cleaned, Root } from "./root.ts";
import { type Entry, TarReader } from "./tar.ts";

/**
 * How a layer says that something below it is gone. `overlay`: as overlayfs keeps it (char device 0:0, opaque xattr),
 * for a folder that holds one layer alone. `remove`: at once, for a folder that holds the layers below it as well.
 * `keep`: a plain archive: names beginning `.wh.` mean nothing.
 */
export type Whiteouts = "overlay" | "remove" | "keep";

export interface Applied {
  /** Bytes of all files and symbolic links, each hard-linked one counted once. */
  readonly size: number;
  /** The tar had an entry for the root itself. */
  readonly root: boolean;
}

const WHITEOUT = ".wh.";
const OPAQUE = ".wh..wh..opq";
const AUFS = ".wh..wh.";

/**
 * Unpacks one tar into a folder. Nothing outside of it is ever touched: names are cleaned as text, and every parent is
 * opened by openat2(RESOLVE_IN_ROOT), so a symbolic link in the way leads where it would lead inside a container.
 * Owners, modes, times, xattrs, devices and hard links become what the tar says; those of folders last.
 */
export class Applier implements Disposable {
  readonly #root: Root;
  readonly #whiteouts: Whiteouts;
  readonly #times = new Map<string, Entry>();
  /** What this tar made, where that matters for a whiteout that comes later. */
  readonly #made = new Set<string>();
  /** Whiteouts of this tar in overlay's form. */
  readonly #gone = new Set<string>();
  #file = -1;
  #entry: Entry | undefined;
  #size = 0;
  #rootSeen = false;

  constructor(root: string, whiteouts: Whiteouts) {
    this.#root = new Root(root);
    this.#whiteouts = whiteouts;
  }

  /** Unpacks all of `chunks`. Throws an error that names the member. */
  static applyAll(root: string, whiteouts: Whiteouts, chunks: Iterable<Uint8Array>): Applied {
    using applier = new Applier(root, whiteouts);
    const reader = new TarReader();
    for (const chunk of chunks) applier.take(reader, chunk);
    reader.finish();
    return applier.finish();
  }

  /** Feeds the next bytes through `reader` onto the disk. */
  take(reader: TarReader, chunk: Uint8Array): void {
    for (const event of reader.push(chunk)) {
      if (event.kind === "data") this.#write(event.data);
      else if (event.kind === "entry") this.#begin(event.entry);
      else this.#end();
    }
  }

  /** To be called once, behind the last byte: folders get their times, which every file in them had changed. */
  finish(): Applied {
    for (const [path, entry] of this.#times) {
      if (path === "") at.setTimes(this.#root.fd, ".", entry.mtime, entry.nanos);
      else this.#root.in(path, (dir, base) => at.setTimes(dir, base, entry.mtime, entry.nanos));
    }
    return { size: this.#size, root: this.#rootSeen };
  }

  [Symbol.dispose](): void {
    if (this.#file >= 0) at.close(this.#file);
    this.#file = -1;
    this.#root[Symbol.dispose]();
  }

  #begin(entry: Entry): void {
    try {
      this.#make(entry);
    } catch (error) {
      throw named(entry, error);
    }
  }

  #make(entry: Entry): void {
    const path = cleaned(entry.name);
    if (path === undefined) throw invalid("it is outside of the archive's root");
    const slash = path.lastIndexOf("/");
    const base = path.slice(slash + 1);
    if (this.#whiteouts !== "keep" && base.startsWith(WHITEOUT)) {
      this.#whiteout(path.slice(0, Math.max(slash, 0)), base);
      return;
    }
    if (path === "") {
      if (entry.type !== "directory") throw invalid("it stands where the root is");
      this.#rootSeen = true;
      at.own(this.#root.fd, ".", entry.uid, entry.gid);
      at.setMode(this.#root.fd, ".", entry.mode);
      this.#xattrs(this.#root.fd, ".", entry);
      this.#times.set("", entry);
      return;
    }
    this.#root.in(path, (dir) => this.#place(dir, base, path, entry), true);
    if (this.#whiteouts === "remove") this.#note(path);
  }

  /** Makes the thing, in place of what is there: only a folder over a folder is one with it. */
  #place(dir: number, base: string, path: string, entry: Entry): void {
    try {
      this.#create(dir, base, entry);
    } catch (error) {
      if (!(error instanceof SyscallError && error.code === "EEXIST")) throw error;
      const stays = entry.type === "directory" && at.isFolder(dir, base);
      if (!stays) {
        at.removeTree(dir, base);
        this.#root.forget();
        this.#times.delete(path);
        this.#create(dir, base, entry);
      }
    }
    if (this.#gone.delete(path) && entry.type === "directory")
      at.setXattr(dir, base, "trusted.overlay.opaque", OPAQUE_YES);
    if (entry.type === "file") {
      this.#entry = entry;
      return;
    }
    if (entry.type === "link") return;
    at.own(dir, base, entry.uid, entry.gid);
    if (entry.type !== "symlink") at.setMode(dir, base, entry.mode);
    this.#xattrs(dir, base, entry);
    if (entry.type === "directory") this.#times.set(path, entry);
    else at.setTimes(dir, base, entry.mtime, entry.nanos);
  }

  #create(dir: number, base: string, entry: Entry): void {
    switch (entry.type) {
      case "file":
        this.#file = at.createFile(dir, base);
        return;
      case "directory":
        at.makeFolder(dir, base, 0o700);
        return;
      case "symlink":
        at.symlink(entry.link, dir, base);
        this.#size += entry.link.length;
        return;
      case "link":
        this.#link(dir, base, entry.link);
        return;
      case "fifo":
      case "char":
      case "block":
        at.makeNode(dir, base, entry.type, entry.major, entry.minor);
    }
  }

  /** A hard link's target is a name in this root; a symbolic link there is linked itself, never followed. */
  #link(dir: number, base: string, target: string): void {
    const path = cleaned(target);
    if (!path) throw invalid(`its link target ${printable(target)} is outside of the archive's root`);
    this.#root.in(path, (from, name) => at.link(from, name, dir, base));
  }

  #write(data: Uint8Array): void {
    if (this.#file < 0) return;
    try {
      at.writeAll(this.#file, data);
      this.#size += data.length;
    } catch (error) {
      throw named(this.#entry!, error);
    }
  }

  /** Owner before mode, since chown drops setuid, and both before xattrs, since chown drops capabilities. */
  #end(): void {
    const entry = this.#entry;
    if (!entry || this.#file < 0) return;
    const file = this.#file;
    this.#file = -1;
    this.#entry = undefined;
    try {
      at.finishFile(file, entry.uid, entry.gid, entry.mode);
      for (const [name, value] of entry.xattrs)
        if (permitted(name)) tolerant(() => at.setFileXattr(file, name, value));
      at.setFileTimes(file, entry.mtime, entry.nanos);
    } catch (error) {
      throw named(entry, error);
    } finally {
      at.close(file);
    }
  }

  #xattrs(dir: number, base: string, entry: Entry): void {
    for (const [name, value] of entry.xattrs)
      if (permitted(name)) tolerant(() => at.setXattr(dir, base, name, value));
  }

  /** Hides what lies below; what this same tar brings stays, whichever comes first. */
  #whiteout(parent: string, base: string): void {
    if (base === OPAQUE) {
      if (this.#whiteouts === "remove") this.#empty(parent);
      else if (parent === "") at.setXattr(this.#root.fd, ".", "trusted.overlay.opaque", OPAQUE_YES);
      else
        this.#root.in(
          parent,
          (dir, name) => at.setXattr(dir, name, "trusted.overlay.opaque", OPAQUE_YES),
          true,
          true,
        );
      return;
    }
    if (base.startsWith(AUFS)) return;
    const name = base.slice(WHITEOUT.length);
    if (name === "" || name === "." || name === "..") throw invalid("it hides no name");
    const path = parent === "" ? name : `${parent}/${name}`;
    if (this.#whiteouts === "remove") {
      if (this.#made.has(path)) {
        this.#empty(path);
        return;
      }
      this.#root.in(path, (dir) => at.removeTree(dir, name), true);
      this.#root.forget();
      return;
    }
    this.#root.in(path, (dir) => this.#hide(dir, name, path), true);
  }

  #hide(dir: number, name: string, path: string): void {
    try {
      at.makeNode(dir, name, "char", 0, 0);
      this.#gone.add(path);
    } catch (error) {
      if (!(error instanceof SyscallError && error.code === "EEXIST")) throw error;
      if (at.isFolder(dir, name)) at.setXattr(dir, name, "trusted.overlay.opaque", OPAQUE_YES);
    }
  }

  /** Removes what the layers below had in a folder, and in those folders of it that this tar has as well. */
  #empty(path: string): void {
    const own: string[] = [];
    const keep = (name: string) => {
      const child = path === "" ? name : `${path}/${name}`;
      if (!this.#made.has(child)) return false;
      own.push(child);
      return true;
    };
    if (path === "") at.removeChildren(this.#root.fd, ".", keep);
    else this.#root.in(path, (dir, base) => at.removeChildren(dir, base, keep), true);
    this.#root.forget();
    for (const child of own) this.#empty(child);
  }

  /** Remembers a path and the folders above it as this tar's own. */
  #note(path: string): void {
    for (
      let own = path;
      own !== "" && !this.#made.has(own);
      own = own.slice(0, Math.max(own.lastIndexOf("/"), 0))
    )
      this.#made.add(own);
  }
}

const OPAQUE_YES = Buffer.from("y");
/** EOPNOTSUPP and ENOTSUP are one number on Linux. */
const ENOTSUP = 95;

/** A layer may not speak to overlayfs: redirects and the like would show files of other layers or of the host. */
const permitted = (name: string): boolean =>
  !name.startsWith("trusted.overlay.") && !name.startsWith("user.overlay.");

/** File systems without xattrs of that kind keep the file without them, as Docker does. */
function tolerant(body: () => void): void {
  try {
    body();
  } catch (error) {
    if (!(error instanceof SyscallError && error.errno === ENOTSUP)) throw error;
  }
}

const printable = (name: string): string => JSON.stringify(Buffer.from(name, "latin1").toString());

/** The same error with the member's name before it. */
function named(entry: Entry, error: unknown): Error {
  const why = error instanceof SyscallError || error instanceof EngineError ? error.message : String(error);
  return invalid(`archive member ${printable(entry.name)} was refused: ${why}`, error);
}
