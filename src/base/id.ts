import { invalid } from "./errors.ts";

const HEX = "0123456789abcdef";
const ALL_DIGITS = /^[0-9]{12}/;

/** A new 64-hex id; never one whose short form is all digits, since that serves as a hostname. */
export function newId(): string {
  for (;;) {
    let id = "";
    for (const byte of crypto.getRandomValues(new Uint8Array(32))) id += HEX[byte >> 4]! + HEX[byte & 15]!;
    if (!ALL_DIGITS.test(id)) return id;
  }
}

/** The 12-hex form that people see; a `sha256:` in front is dropped first. */
export const shortId = (id: string): string => id.replace(/^sha256:/, "").slice(0, 12);

/**
 * The one id that starts with `prefix`, or undefined when none does.
 * Throws `invalid` when two do.
 */
export function byPrefix(ids: Iterable<string>, prefix: string): string | undefined {
  let found: string | undefined;
  for (const id of ids) {
    if (!id.startsWith(prefix)) continue;
    if (id === prefix) return id;
    if (found !== undefined) throw invalid(`multiple IDs found with provided prefix: ${prefix}`);
    found = id;
  }
  return found;
}
