import { readFileSync } from "node:fs";
import * as libc from "../../ffi/libc.ts";

const MADV_DONTNEED = 4;
const TEXT = /^([0-9a-f]+)-([0-9a-f]+) r-xp \S+ \S+ \S+ +\/\S/gm;

/**
 * Gives back what memory we hold and do not use: garbage, with compiled JavaScript that was not called lately, and the
 * pages of program text, which the page cache keeps. What is needed comes back at a touch, over the next ten or so
 * requests. Only text is given back: it is never written, so that nothing is lost. madvise(2), proc_pid_maps(5).
 */
export function releaseMemory(): void {
  Bun.gc(true);
  for (const [, from, to] of readFileSync("/proc/self/maps", "latin1").matchAll(TEXT)) {
    const start = BigInt(`0x${from}`);
    libc.madvise(start, BigInt(`0x${to}`) - start, MADV_DONTNEED);
  }
}
