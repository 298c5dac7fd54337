import { closeSync, lstatSync, mkdirSync, openSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { close, openFolder, setTimes } from "../sys/at.ts";

/**
 * What every container's root has even when its image has not: the places that are mounted over (Docker's init layer).
 * It lies below all layers of an image, so that whatever the image has of these, with its owners and modes, wins.
 */
const FOLDERS = ["dev", "dev/pts", "dev/shm", "proc", "sys", "etc"] as const;
const FILES = [".dockerenv", "dev/console", "etc/hosts", "etc/hostname", "etc/resolv.conf"] as const;

/** Makes what is missing of it in `root`; what is there stays as it is, folders' times too. For folders that only we write. */
export function makeMountpoints(root: string): void {
  const before = ["", ...FOLDERS].map((path) => look(join(root, path)));
  for (const path of FOLDERS) if (isMissing(root, path)) mkdirSync(join(root, path), { mode: 0o755 });
  for (const path of FILES) if (isMissing(root, path)) closeSync(openSync(join(root, path), "wx", 0o755));
  if (isMissing(root, "etc/mtab")) symlinkSync("/proc/mounts", join(root, "etc/mtab"));
  ["", ...FOLDERS].forEach((path, index) => {
    const stats = before[index];
    if (stats?.isDirectory()) restoreTime(join(root, path), stats.mtimeNs);
  });
}

const look = (path: string) => lstatSync(path, { bigint: true, throwIfNoEntry: false });

/** An image may have `etc` as a symbolic link to anywhere: then nothing is made behind it. */
function isMissing(root: string, path: string): boolean {
  const parent = dirname(path);
  return (parent === "." || look(join(root, parent))?.isDirectory() === true) && !look(join(root, path));
}

function restoreTime(path: string, nanos: bigint): void {
  const fd = openFolder(path);
  setTimes(fd, ".", Number(nanos / NANOS), Number(nanos % NANOS));
  close(fd);
}

const NANOS = 1_000_000_000n;

/** The paths above, absolute: no change of a container's. */
export const MOUNTPOINTS: ReadonlySet<string> = new Set(
  [...FOLDERS, ...FILES, "etc/mtab"].map((path) => `/${path}`),
);
