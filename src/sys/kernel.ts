import { release } from "node:os";

/** Major and minor number of the running kernel. */
export function kernelVersion(text: string = release()): readonly [major: number, minor: number] {
  const [, major = "0", minor = "0"] = /^(\d+)\.(\d+)/.exec(text) ?? [];
  return [Number(major), Number(minor)];
}

/** The oldest kernel that has all we need: openat2(2) and pidfds in clone3(2). */
export const OLDEST_KERNEL = [5, 6] as const;

/** Whether the kernel is at least `major.minor`. */
export function kernelHas(wanted: readonly [number, number], version = kernelVersion()): boolean {
  return version[0] > wanted[0] || (version[0] === wanted[0] && version[1] >= wanted[1]);
}
