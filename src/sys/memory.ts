import { readFileSync } from "node:fs";
import * as libc from "../../ffi/libc.ts";

const MADV_DONTNEED = 4;
const TEXT = /^([0-9a-f]+)-([0-9a-f]+) r-xp \S+ \S+ \S+ +\/\S/gm;

/** A full collection; what JavaScript does not use any more goes back to the kernel. Some 10 ms. */
export const collectGarbage = (): void => Bun.gc(true);

/**
 * Gives back the pages of program text: the page cache keeps them, and what is used comes back at a touch, some 10 ms
 * in all. Only text is given back: it is never written, so that nothing is lost. madvise(2), proc_pid_maps(5).
 */
export function releaseText(): void {
  for (const [, from, to] of readFileSync("/proc/self/maps", "latin1").matchAll(TEXT)) {
    const start = BigInt(`0x${from}`);
    libc.madvise(start, BigInt(`0x${to}`) - start, MADV_DONTNEED);
  }
}
