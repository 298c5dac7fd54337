import { pack } from "tar-stream";

/** One member of a tar for a test; unset: a file of ours, 0644. */
export interface Entry {
  readonly name: string;
  readonly type?: "file" | "link" | "symlink" | "character-device" | "block-device" | "directory" | "fifo";
  readonly content?: string | Uint8Array;
  readonly linkname?: string;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly mtime?: Date;
  readonly devmajor?: number;
  readonly devminor?: number;
  readonly pax?: Record<string, string>;
}

/** A tar written by another hand (tar-stream), so that our reader is not tested against itself. */
export async function tarOf(...entries: readonly Entry[]): Promise<Uint8Array> {
  const tar = pack();
  for (const { content = "", ...header } of entries) {
    const body = typeof content === "string" ? Buffer.from(content) : Buffer.from(content);
    const size = (header.type ?? "file") === "file" ? { size: body.length } : {};
    const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
    const whole = { mtime: new Date(1_700_000_000_000), mode: 0o644, ...owner, ...size, ...header };
    tar.entry(whole, body);
  }
  tar.finalize();
  const pieces: Uint8Array[] = [];
  for await (const piece of tar) pieces.push(piece as Uint8Array);
  return Buffer.concat(pieces);
}

/** A tar header to the byte, for what no decent writer writes. */
export function rawHeader(
  name: string,
  type: string,
  size: number,
  fields: { link?: string } = {},
): Uint8Array {
  const head = Buffer.alloc(512);
  head.write(name, 0, 100, "latin1");
  head.write("0000644\0", 100);
  head.write("0000000\0", 108);
  head.write("0000000\0", 116);
  head.write(`${size.toString(8).padStart(11, "0")}\0`, 124);
  head.write("14524613200\0", 136);
  head.write("        ", 148);
  head.write(type, 156);
  head.write(fields.link ?? "", 157, 100, "latin1");
  head.write("ustar\x0000", 257, "latin1");
  return sealed(head);
}

/** The header with its checksum put right. */
export function sealed(head: Buffer): Uint8Array {
  head.write("        ", 148);
  const sum = head.reduce((total, byte) => total + byte, 0);
  head.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return head;
}

/** Content filled up to whole blocks. */
export const padded = (content: Uint8Array): Uint8Array =>
  Buffer.concat([content, Buffer.alloc((512 - (content.length % 512)) % 512)]);

export const END = new Uint8Array(1024);

/** A PAX record; the value may hold any byte. */
export function paxRecord(key: string, value: Uint8Array): Uint8Array {
  const rest = key.length + value.length + 3;
  let length = rest + String(rest).length;
  length = rest + String(length).length;
  return Buffer.concat([Buffer.from(`${length} ${key}=`), value, Buffer.from("\n")]);
}

/** The bytes in pieces of a size, as a network brings them. */
export async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
