import { invalid } from "../base/errors.ts";

/** The bytes of a tar header: numbers, texts, PAX records. */

/** Bytes up to the first NUL, one character a byte. */
export function textOf(bytes: Uint8Array, from: number, length: number): string {
  const field = bytes.subarray(from, from + length);
  const end = field.indexOf(0);
  return Buffer.from(field.buffer, field.byteOffset, end < 0 ? field.length : end).toString("latin1");
}

/** An octal number as text. Throws `invalid` on anything else. */
export function octal(head: Uint8Array, from: number, length: number): number {
  let value = 0;
  let at = from;
  const end = from + length;
  while (at < end && head[at] === 0x20) at++;
  for (; at < end; at++) {
    const byte = head[at]!;
    if (byte === 0 || byte === 0x20) break;
    if (byte < 0x30 || byte > 0x37) throw invalid("invalid tar header");
    value = value * 8 + byte - 0x30;
  }
  return value;
}

/** Octal text, or GNU's base 256 where it does not fit (first bit set; two's complement). */
export function number(head: Uint8Array, from: number, length: number): number {
  const first = head[from]!;
  if (first < 0x80) return octal(head, from, length);
  const negative = (first & 0x40) !== 0;
  let value = negative ? first - 0x100 : first & 0x3f;
  for (let at = from + 1; at < from + length; at++) value = value * 256 + head[at]!;
  return value;
}

/** Sum of all bytes with the sum's own field as spaces; old writers summed signed bytes. */
export function checksumHolds(head: Uint8Array): boolean {
  let unsigned = 8 * 0x20;
  let signed = 8 * 0x20;
  for (let at = 0; at < 512; at++) {
    if (at >= 148 && at < 156) continue;
    const byte = head[at]!;
    unsigned += byte;
    signed += byte < 0x80 ? byte : byte - 0x100;
  }
  const said = textOf(head, 148, 8).trim();
  const sum = /^[0-7]+$/.test(said) ? Number.parseInt(said, 8) : -1;
  return sum === unsigned || sum === signed;
}

/** `LENGTH KEY=VALUE\n` records; a value may hold any byte. Throws `invalid` on a broken one. */
export function paxRecords(bytes: Uint8Array): Map<string, Uint8Array> {
  const records = new Map<string, Uint8Array>();
  let at = 0;
  while (at < bytes.length && bytes[at] !== 0) {
    const space = bytes.indexOf(0x20, at);
    const length = space < 0 ? 0 : Number(textOf(bytes, at, space - at));
    const end = at + length;
    const equals = bytes.indexOf(0x3d, space);
    if (!Number.isInteger(length) || length < 5 || end > bytes.length || bytes[end - 1] !== 0x0a)
      throw invalid("invalid extended tar header");
    if (equals < 0 || equals >= end) throw invalid("invalid extended tar header");
    records.set(textOf(bytes, space + 1, equals - space - 1), bytes.slice(equals + 1, end - 1));
    at = end;
  }
  return records;
}
