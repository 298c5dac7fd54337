import { readFileSync } from "node:fs";
import { relative } from "node:path";
import * as libc from "../../ffi/libc.ts";
import { close, openFolder } from "./at.ts";
import { check } from "./errors.ts";

export interface OverlayParts {
  /** Topmost first; like `upper` and `work` somewhere below `home`. */
  readonly lower: readonly string[];
  readonly upper: string;
  readonly work: string;
}

/** Options that leave an upper folder such that it is a layer: whole files, nothing that points elsewhere. */
const PLAIN = "index=off,redirect_dir=off,metacopy=off";

/**
 * Mounts an overlay on `target`. Folders are named from an open fd of `home`: mount(2) takes one page of options, which
 * 125 layers with whole paths exceed, and no character in a path needs to be escaped. Throws SyscallError.
 */
export function mountOverlay(target: string, home: string, parts: OverlayParts): void {
  const fd = openFolder(home);
  try {
    const at = (path: string) => `/dev/fd/${fd}/${relative(home, path)}`;
    const folders = `lowerdir=${parts.lower.map(at).join(":")},upperdir=${at(parts.upper)},workdir=${at(parts.work)}`;
    let result = libc.mount("overlay", target, "overlay", 0, `${folders},${PLAIN}`);
    // Before Linux 4.19 overlayfs does not know all of these.
    if (result === -EINVAL) result = libc.mount("overlay", target, "overlay", 0, folders);
    check("mount", target, result);
  } finally {
    close(fd);
  }
}

const EINVAL = 22;
const MNT_DETACH = 2;

/** Unmounts at once for all who look, and for those inside when they have left. Throws SyscallError. */
export function detach(target: string): void {
  check("umount2", target, libc.umount2(target, MNT_DETACH));
}

/** Detaches every mount below a folder, the last one first; how many they were. */
export function detachBelow(folder: string): number {
  const prefix = `${folder}/`;
  const targets = readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .map((line) => unescaped(line.split(" ")[4] ?? ""))
    .filter((target) => target.startsWith(prefix));
  for (const target of targets.reverse()) detach(target);
  return targets.length;
}

/** proc(5): space, tab, newline and backslash stand as three octal digits. */
const unescaped = (field: string): string =>
  field.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));

const MAGIC: Readonly<Record<number, string>> = {
  61267: "extfs",
  1481003842: "xfs",
  2435016766: "btrfs",
  16914836: "tmpfs",
  2035054128: "overlayfs",
  801189825: "zfs",
  4076150800: "f2fs",
  26985: "nfs",
};

/** The name that `docker info` has for a file system by its statfs(2) magic. */
export const filesystemName = (magic: number): string => MAGIC[magic] ?? `0x${magic.toString(16)}`;
