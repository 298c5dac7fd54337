import { closeSync, lstatSync, mkdirSync, openSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";

/**
 * What every container's root has even when its image has not: the places that are mounted over (Docker's init layer).
 * It lies below all layers of an image, so that whatever the image has of these, with its owners and modes, wins.
 */
const FOLDERS = ["dev", "dev/pts", "dev/shm", "proc", "sys", "etc"] as const;
const FILES = [".dockerenv", "dev/console", "etc/hosts", "etc/hostname", "etc/resolv.conf"] as const;

/** Makes what is missing of it in `root`; what is there stays as it is. For folders that only we write. */
export function makeMountpoints(root: string): void {
  const missing = (path: string) => !lstatSync(join(root, path), { throwIfNoEntry: false });
  for (const path of FOLDERS)
    if (isPlain(root, dirname(path)) && missing(path)) mkdirSync(join(root, path), { mode: 0o755 });
  for (const path of FILES)
    if (isPlain(root, dirname(path)) && missing(path)) closeSync(openSync(join(root, path), "wx", 0o755));
  if (isPlain(root, "etc") && missing("etc/mtab")) symlinkSync("/proc/mounts", join(root, "etc/mtab"));
}

/** The paths above, absolute: no change of a container's. */
export const MOUNTPOINTS: ReadonlySet<string> = new Set(
  [...FOLDERS, ...FILES, "etc/mtab"].map((path) => `/${path}`),
);

/** An image may have `etc` as a symbolic link to anywhere: then nothing is made behind it. */
const isPlain = (root: string, path: string): boolean =>
  path === "." || (lstatSync(join(root, path), { throwIfNoEntry: false })?.isDirectory() ?? false);
