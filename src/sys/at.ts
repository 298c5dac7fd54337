import { closeSync, lstatSync, readdirSync, rmSync, writeSync } from "node:fs";
import * as libc from "../../ffi/libc.ts";
import { shim } from "../../ffi/shim.ts";
import { check } from "./errors.ts";

/**
 * Calls relative to an open folder, for trees that somebody else filled. Names are one component, kept to the byte (one
 * character a byte); only `openInRoot` takes a path. All throw SyscallError.
 */

const O_WRONLY = 0o1;
const O_CREAT = 0o100;
const O_EXCL = 0o200;
const O_DIRECTORY = 0o200000;
const O_NOFOLLOW = 0o400000;
const O_CLOEXEC = 0o2000000;
const O_PATH = 0o10000000;
const RESOLVE_NO_MAGICLINKS = 0x02;
const RESOLVE_BENEATH = 0x08;
const RESOLVE_IN_ROOT = 0x10;
const AT_FDCWD = -100;

/** Node types for mknod(2). */
const NODE = { char: 0o020000, block: 0o060000, fifo: 0o010000 } as const;

/** Opens a folder by its host path (text, or bytes as they are), as the root of what follows. */
export function openFolder(path: string | Buffer): number {
  const name = Buffer.concat([Buffer.from(path), Buffer.from([0])]);
  return check(
    "open",
    String(path),
    shim().bk_openat2(AT_FDCWD, name, BigInt(O_PATH | O_DIRECTORY | O_CLOEXEC), 0, 0n),
  );
}

/**
 * Opens the folder that `path` is for a process whose root is `root`: symbolic links, absolute ones and `..` too, end
 * inside of it (openat2(2) RESOLVE_IN_ROOT, Linux 5.6).
 */
export const openInRoot = (root: number, path: string): number =>
  check(
    "openat2",
    printable(path),
    shim().bk_openat2(
      root,
      libc.zb(path),
      BigInt(O_PATH | O_DIRECTORY | O_CLOEXEC),
      0,
      BigInt(RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS),
    ),
  );

/** A new empty file, open for writing, mode 0600. EEXIST when the name is taken, by a symbolic link too. */
export const createFile = (dir: number, name: string): number =>
  check(
    "open",
    printable(name),
    shim().bk_openat2(
      dir,
      libc.zb(name),
      BigInt(O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC),
      0o600,
      BigInt(RESOLVE_BENEATH),
    ),
  );

export const close = (fd: number): void => closeSync(fd);

export function writeAll(fd: number, data: Uint8Array): void {
  for (let done = 0; done < data.length; ) done += writeSync(fd, data, done, data.length - done);
}

/** Owner, then mode: chown(2) drops setuid and setgid. */
export function finishFile(fd: number, uid: number, gid: number, mode: number): void {
  check("fchown", `${uid}:${gid}`, libc.fchown(fd, uid, gid));
  check("fchmod", mode.toString(8), libc.fchmod(fd, mode));
}

export function makeFolder(dir: number, name: string, mode: number): void {
  check("mkdir", printable(name), libc.mkdirat(dir, name, mode));
}

export function symlink(target: string, dir: number, name: string): void {
  check("symlink", printable(name), libc.symlinkat(target, dir, name));
}

/** A hard link; a symbolic link is linked itself. */
export function link(from: number, fromName: string, dir: number, name: string): void {
  check("link", printable(fromName), libc.linkat(from, fromName, dir, name));
}

/** A device or fifo, mode 0600. */
export function makeNode(
  dir: number,
  name: string,
  type: keyof typeof NODE,
  major: number,
  minor: number,
): void {
  check("mknod", printable(name), shim().bk_mknodat(dir, libc.zb(name), NODE[type] | 0o600, major, minor));
}

/** Of the thing itself, never of a symbolic link's target. */
export function own(dir: number, name: string, uid: number, gid: number): void {
  check("chown", printable(name), libc.fchownat(dir, name, uid, gid));
}

/** Not for symbolic links. */
export function setMode(dir: number, name: string, mode: number): void {
  check("chmod", printable(name), libc.fchmodat(dir, name, mode));
}

/** Access and change time; seconds since 1970. */
export function setTimes(dir: number, name: string, seconds: number, nanos: number): void {
  check("utimensat", printable(name), libc.utimensat(dir, name, timespecs(seconds, nanos)));
}

export function setFileTimes(fd: number, seconds: number, nanos: number): void {
  check("futimens", "", libc.futimens(fd, timespecs(seconds, nanos)));
}

export function setXattr(dir: number, name: string, xattr: string, value: Uint8Array): void {
  check("lsetxattr", xattr, libc.lsetxattr(libc.zb(through(dir, name)), xattr, value));
}

export function setFileXattr(fd: number, xattr: string, value: Uint8Array): void {
  check("fsetxattr", xattr, libc.fsetxattr(fd, xattr, value));
}

/** All xattrs of the thing itself, values as bytes; none where the file system has none. */
export function xattrs(dir: number, name: string): Map<string, Uint8Array> {
  const path = libc.zb(through(dir, name));
  const found = new Map<string, Uint8Array>();
  const names = filled((buffer) => libc.llistxattr(path, buffer));
  for (const xattr of names.toString("latin1").split("\0"))
    if (xattr !== "")
      found.set(
        xattr,
        filled((buffer) => libc.lgetxattr(path, xattr, buffer)),
      );
  return found;
}

/** True for a folder that hides all below it: overlayfs.rst "whiteouts and opaque directories". */
export function isOpaque(path: string | Buffer): boolean {
  const value = Buffer.alloc(2);
  const name = Buffer.concat([Buffer.from(path), Buffer.from([0])]);
  return libc.lgetxattr(name, "trusted.overlay.opaque", value) === 1 && value[0] === 0x79;
}

/** XATTR_SIZE_MAX, and XATTR_LIST_MAX: limits.h */
const XATTR_MAX = 65536;

function filled(call: (buffer: Uint8Array) => number): Buffer {
  const small = Buffer.alloc(256);
  const length = call(small);
  if (length >= 0) return small.subarray(0, length);
  const large = Buffer.alloc(XATTR_MAX);
  const result = call(large);
  return large.subarray(0, result === -ENOTSUP || result === -ENODATA ? 0 : check("getxattr", "", result));
}

const ENODATA = 61;
const ENOTSUP = 95;

/** True for a folder itself, not for a symbolic link to one. */
export const isFolder = (dir: number, name: string): boolean =>
  lstatSync(bytes(through(dir, name)), { throwIfNoEntry: false })?.isDirectory() ?? false;

/** Removes whatever has this name, with all below it; nothing when there is nothing. Links are not followed. */
export function removeTree(dir: number, name: string): void {
  rmSync(bytes(through(dir, name)) as unknown as string, { recursive: true, force: true });
}

/** Removes what stands in a folder, save the names that `keep` says. */
export function removeChildren(dir: number, name: string, keep: (name: string) => boolean): void {
  if (!isFolder(dir, name)) return;
  const folder = through(dir, name);
  for (const child of readdirSync(bytes(folder), { encoding: "buffer" })) {
    const childName = child.toString("latin1");
    if (!keep(childName))
      rmSync(bytes(`${folder}/${childName}`) as unknown as string, { recursive: true, force: true });
  }
}

/** The kernel's own way to a name in an open folder; the folder part can lead nowhere else. */
const through = (dir: number, name: string): string => `/proc/self/fd/${dir}/${name}`;

const bytes = (path: string): Buffer => Buffer.from(path, "latin1");
const printable = (name: string): string => bytes(name).toString();

const TIMES = new BigInt64Array(4);

function timespecs(seconds: number, nanos: number): BigInt64Array {
  TIMES[0] = TIMES[2] = BigInt(seconds);
  TIMES[1] = TIMES[3] = BigInt(nanos);
  return TIMES;
}
