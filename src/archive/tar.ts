import { invalid } from "../base/errors.ts";
import { checksumHolds, number, octal, paxRecords, textOf } from "./header.ts";

export type EntryType = "file" | "link" | "symlink" | "char" | "block" | "directory" | "fifo";

/** One member of a tar. Names are kept to the byte: one character of the string is one byte (latin1). */
export interface Entry {
  readonly type: EntryType;
  readonly name: string;
  /** Target of a link or symbolic link. */
  readonly link: string;
  /** Permission bits with setuid, setgid and sticky. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** bytes that follow as data */
  readonly size: number;
  /** seconds since 1970 */
  readonly mtime: number;
  /** nanoseconds behind `mtime` */
  readonly nanos: number;
  readonly major: number;
  readonly minor: number;
  readonly xattrs: ReadonlyMap<string, Uint8Array>;
}

/** What comes out of a tar, in order: an entry, its data in pieces, its end. */
export type TarEvent =
  | { readonly kind: "entry"; readonly entry: Entry }
  | { readonly kind: "data"; readonly data: Uint8Array }
  | { readonly kind: "end" };

const TYPES: Readonly<Record<string, EntryType>> = {
  "\0": "file",
  "0": "file",
  "1": "link",
  "2": "symlink",
  "3": "char",
  "4": "block",
  "5": "directory",
  "6": "fifo",
  "7": "file",
};

/** Extended headers longer than this are refused (Go's archive/tar has the same bound). bytes */
const MAX_EXTENDED = 1 << 20;
const BLOCK = 512;
const END: TarEvent = { kind: "end" };
const NO_XATTRS: ReadonlyMap<string, Uint8Array> = new Map();

/**
 * Reads a tar as its bytes come: ustar, PAX (pax(1) "ustar Interchange Format"), GNU long names and old headers.
 * PAX values are kept as bytes, since file capabilities are not text. Throws `invalid` on what is no tar.
 */
export class TarReader {
  readonly #head = new Uint8Array(BLOCK);
  /** bytes of the header seen so far */
  #seen = 0;
  #left = 0;
  #padding = 0;
  #zeroBlocks = 0;
  #entries = 0;
  /** An extended header that is being collected. */
  #extended: { type: string; bytes: Uint8Array; filled: number } | undefined;
  #pax = new Map<string, Uint8Array>();
  #longName: string | undefined;
  #longLink: string | undefined;
  #open = false;

  /** Takes the next bytes. Data events are views of `chunk`: valid until the next call. */
  *push(chunk: Uint8Array): Generator<TarEvent, void> {
    let at = 0;
    while (at < chunk.length) {
      if (this.#left > 0) {
        const piece = chunk.subarray(at, at + this.#left);
        at += piece.length;
        this.#left -= piece.length;
        if (this.#extended) this.#collect(piece);
        else yield { kind: "data", data: piece };
        if (this.#left === 0 && this.#open) yield this.#close();
      } else if (this.#padding > 0) {
        const skip = Math.min(this.#padding, chunk.length - at);
        at += skip;
        this.#padding -= skip;
      } else {
        const piece = chunk.subarray(at, at + BLOCK - this.#seen);
        this.#head.set(piece, this.#seen);
        this.#seen += piece.length;
        at += piece.length;
        if (this.#seen < BLOCK) return;
        this.#seen = 0;
        const entry = this.#header(this.#head);
        if (!entry) continue;
        yield { kind: "entry", entry };
        if (this.#left === 0) yield this.#close();
      }
    }
  }

  /** To be called behind the last byte. Throws `invalid` when the tar stops in the middle of something. */
  finish(): void {
    if (this.#left > 0 || this.#seen > 0 || this.#extended)
      throw invalid("unexpected end of the tar archive");
    if (this.#entries === 0 && this.#zeroBlocks === 0) throw invalid("the tar archive is empty");
  }

  #close(): TarEvent {
    this.#open = false;
    return END;
  }

  #collect(piece: Uint8Array): void {
    const extended = this.#extended!;
    extended.bytes.set(piece, extended.filled);
    extended.filled += piece.length;
    if (this.#left > 0) return;
    this.#extended = undefined;
    if (extended.type === "x") this.#pax = paxRecords(extended.bytes);
    else if (extended.type === "L") this.#longName = textOf(extended.bytes, 0, extended.bytes.length);
    else if (extended.type === "K") this.#longLink = textOf(extended.bytes, 0, extended.bytes.length);
  }

  /** A whole header block; undefined when no entry comes of it: end marks and extended headers. */
  #header(head: Uint8Array): Entry | undefined {
    if (head.every((byte) => byte === 0)) {
      this.#zeroBlocks++;
      return undefined;
    }
    // Two zero blocks are the end; what stands behind them is nobody's business.
    if (this.#zeroBlocks >= 2) return undefined;
    this.#zeroBlocks = 0;
    if (!checksumHolds(head)) throw invalid("invalid tar header");
    this.#entries++;
    const flag = String.fromCharCode(head[156]!);
    const size = number(head, 124, 12);
    if (!Number.isSafeInteger(size) || size < 0)
      throw invalid(`tar member ${textOf(head, 0, 100)} has the size ${size}`);
    if (flag === "x" || flag === "g" || flag === "L" || flag === "K") {
      if (size > MAX_EXTENDED)
        throw invalid(`a tar header of ${size} bytes is longer than ${MAX_EXTENDED} bytes`);
      this.#body(size);
      this.#extended = { type: flag, bytes: new Uint8Array(size), filled: 0 };
      if (size === 0) this.#collect(new Uint8Array(0));
      return undefined;
    }
    return this.#entry(head, flag, size);
  }

  #entry(head: Uint8Array, flag: string, headerSize: number): Entry {
    const pax = this.#pax;
    const name = paxText(pax, "path") ?? this.#longName ?? ustarName(head);
    const link = paxText(pax, "linkpath") ?? this.#longLink ?? textOf(head, 157, 100);
    if (flag === "S" || [...pax.keys()].some((key) => key.startsWith("GNU.sparse.")))
      throw invalid(`tar member ${name} is a sparse file, which is not supported`);
    let type = TYPES[flag];
    if (!type) throw invalid(`tar member ${name} has the unknown type ${JSON.stringify(flag)}`);
    if (type === "file" && name.endsWith("/") && flag !== "7") type = "directory";
    const time = paxTime(pax) ?? { mtime: number(head, 136, 12), nanos: 0 };
    // Only files have data; some writers leave the target's size in a hard link's header.
    const size = type === "file" ? (paxNumber(pax, "size", name) ?? headerSize) : 0;
    const device = type === "char" || type === "block";
    const entry: Entry = {
      type,
      name,
      link,
      mode: octal(head, 100, 8) & 0o7777,
      uid: paxNumber(pax, "uid", name) ?? number(head, 108, 8),
      gid: paxNumber(pax, "gid", name) ?? number(head, 116, 8),
      size,
      ...time,
      major: device ? number(head, 329, 8) : 0,
      minor: device ? number(head, 337, 8) : 0,
      xattrs: pax.size === 0 ? NO_XATTRS : xattrsOf(pax),
    };
    this.#body(size);
    this.#open = true;
    this.#longName = this.#longLink = undefined;
    if (pax.size > 0) this.#pax = new Map();
    return entry;
  }

  #body(size: number): void {
    this.#left = size;
    this.#padding = (BLOCK - (size % BLOCK)) % BLOCK;
  }
}

/** `prefix/name` in ustar headers; GNU's ("ustar  ") have other things there. */
function ustarName(head: Uint8Array): string {
  const name = textOf(head, 0, 100);
  if (textOf(head, 257, 6) !== "ustar" || head[262] !== 0) return name;
  const prefix = textOf(head, 345, 155);
  return prefix ? `${prefix}/${name}` : name;
}

function paxText(pax: ReadonlyMap<string, Uint8Array>, key: string): string | undefined {
  const value = pax.get(key);
  return value && value.length > 0 ? textOf(value, 0, value.length) : undefined;
}

function paxNumber(pax: ReadonlyMap<string, Uint8Array>, key: string, name: string): number | undefined {
  const value = paxText(pax, key);
  if (value === undefined) return undefined;
  const parsed = Number(value);
  if (!/^\d+$/.test(value) || !Number.isSafeInteger(parsed))
    throw invalid(`tar member ${name} has the ${key} ${value}`);
  return parsed;
}

function paxTime(pax: ReadonlyMap<string, Uint8Array>): { mtime: number; nanos: number } | undefined {
  const found = /^(-?\d+)(?:\.(\d{1,9})\d*)?$/.exec(paxText(pax, "mtime") ?? "");
  if (!found) return undefined;
  const seconds = Number(found[1]);
  const nanos = Number((found[2] ?? "").padEnd(9, "0"));
  return found[1]!.startsWith("-") && nanos > 0
    ? { mtime: seconds - 1, nanos: 1e9 - nanos }
    : { mtime: seconds, nanos };
}

/** `SCHILY.xattr.NAME` holds the raw value, libarchive's form base64 behind a percent-encoded name. */
function xattrsOf(pax: ReadonlyMap<string, Uint8Array>): ReadonlyMap<string, Uint8Array> {
  const found = new Map<string, Uint8Array>();
  for (const [key, value] of pax) {
    if (key.startsWith("SCHILY.xattr.")) found.set(key.slice(13), value);
    else if (key.startsWith("LIBARCHIVE.xattr.")) {
      const name = decodeURIComponent(key.slice(17));
      if (!pax.has(`SCHILY.xattr.${name}`))
        found.set(name, Buffer.from(Buffer.from(value).toString("latin1"), "base64"));
    }
  }
  return found;
}
