import { dlopen, type FFIFunction, read, FFIType as T } from "bun:ffi";

/**
 * Every libc function we call, once; glibc 2.17 has them all (what is newer goes through ffi/shim). Add a line here
 * and a function below. Arguments: strings by `z`, buffers as they are; both are kept alive by the caller's variable.
 */
const TABLE = {
  __errno_location: { args: [], returns: T.ptr },
  mount: { args: [T.cstring, T.cstring, T.cstring, T.u64, T.cstring], returns: T.i32 },
  umount2: { args: [T.cstring, T.i32], returns: T.i32 },
  lsetxattr: { args: [T.cstring, T.cstring, T.ptr, T.u64, T.i32], returns: T.i32 },
  lgetxattr: { args: [T.cstring, T.cstring, T.ptr, T.u64], returns: T.i64_fast },
  llistxattr: { args: [T.cstring, T.ptr, T.u64], returns: T.i64_fast },
  lremovexattr: { args: [T.cstring, T.cstring], returns: T.i32 },
  fsetxattr: { args: [T.i32, T.cstring, T.ptr, T.u64, T.i32], returns: T.i32 },
  mkdirat: { args: [T.i32, T.cstring, T.u32], returns: T.i32 },
  symlinkat: { args: [T.cstring, T.i32, T.cstring], returns: T.i32 },
  linkat: { args: [T.i32, T.cstring, T.i32, T.cstring, T.i32], returns: T.i32 },
  fchownat: { args: [T.i32, T.cstring, T.u32, T.u32, T.i32], returns: T.i32 },
  fchown: { args: [T.i32, T.u32, T.u32], returns: T.i32 },
  fchmodat: { args: [T.i32, T.cstring, T.u32, T.i32], returns: T.i32 },
  fchmod: { args: [T.i32, T.u32], returns: T.i32 },
  utimensat: { args: [T.i32, T.cstring, T.ptr, T.i32], returns: T.i32 },
  futimens: { args: [T.i32, T.ptr], returns: T.i32 },
  syncfs: { args: [T.i32], returns: T.i32 },
  socketpair: { args: [T.i32, T.i32, T.i32, T.ptr], returns: T.i32 },
  socket: { args: [T.i32, T.i32, T.i32], returns: T.i32 },
  send: { args: [T.i32, T.ptr, T.u64, T.i32], returns: T.i64_fast },
  sendto: { args: [T.i32, T.ptr, T.u64, T.i32, T.ptr, T.u32], returns: T.i64_fast },
  madvise: { args: [T.u64, T.u64, T.i32], returns: T.i32 },
  tcgetattr: { args: [T.i32, T.ptr], returns: T.i32 },
  tcsetattr: { args: [T.i32, T.i32, T.ptr], returns: T.i32 },
  cfmakeraw: { args: [T.ptr], returns: T.void },
  flock: { args: [T.i32, T.i32], returns: T.i32 },
  recv: { args: [T.i32, T.ptr, T.u64, T.i32], returns: T.i64_fast },
} as const satisfies Record<string, FFIFunction>;

let opened: ReturnType<typeof open> | undefined;
const open = () => dlopen("libc.so.6", TABLE).symbols;
/** Opened on the first call: importing this file does nothing. */
const libc = () => {
  opened ??= open();
  return opened;
};

/** A C string. */
export const z = (text: string): Buffer => Buffer.from(`${text}\0`);

/** -1 becomes -errno. Reads errno in the very next call: nothing may stand between, no await, no allocation. */
function errno(rc: number | bigint): number {
  return rc === -1 ? -read.i32(libc().__errno_location()!, 0) : Number(rc);
}

export const mount = (source: string, target: string, type: string, flags: number, data: string): number =>
  errno(libc().mount(z(source), z(target), z(type), flags, z(data)));

export const umount2 = (target: string, flags: number): number => errno(libc().umount2(z(target), flags));

/** `path` as text, or to the byte by `zb`. */
export const lsetxattr = (path: string | Buffer, name: string, value: Uint8Array): number =>
  errno(libc().lsetxattr(typeof path === "string" ? z(path) : path, z(name), value, value.length, 0));

export const fsetxattr = (fd: number, name: string, value: Uint8Array): number =>
  errno(libc().fsetxattr(fd, z(name), value, value.length, 0));

/** Fills `value`; returns the length, or -ERANGE when it is too small. */
export const lgetxattr = (path: string | Buffer, name: string, value: Uint8Array): number =>
  errno(libc().lgetxattr(typeof path === "string" ? z(path) : path, z(name), value, value.length));

export const llistxattr = (path: string | Buffer, names: Uint8Array): number =>
  errno(libc().llistxattr(typeof path === "string" ? z(path) : path, names, names.length));

export const lremovexattr = (path: string, name: string): number =>
  errno(libc().lremovexattr(z(path), z(name)));

/** Both ends into `pair`. */
export const socketpair = (domain: number, type: number, protocol: number, pair: Int32Array): number =>
  errno(libc().socketpair(domain, type, protocol, pair));

export const socket = (domain: number, type: number, protocol: number): number =>
  errno(libc().socket(domain, type, protocol));

/** The number of bytes sent. A netlink socket that is not connected sends to the kernel. */
export const send = (fd: number, bytes: Uint8Array, flags = 0): number =>
  errno(libc().send(fd, bytes, bytes.length, flags));

/** The number of bytes received. */
export const recv = (fd: number, bytes: Uint8Array, flags = 0): number =>
  errno(libc().recv(fd, bytes, bytes.length, flags));

/** A C string of a name that is kept to the byte: one character a byte. */
export const zb = (name: string): Buffer => Buffer.from(`${name}\0`, "latin1");

/* Calls relative to an open folder; names to the byte. */

export const mkdirat = (dir: number, name: string, mode: number): number =>
  errno(libc().mkdirat(dir, zb(name), mode));

export const symlinkat = (target: string, dir: number, name: string): number =>
  errno(libc().symlinkat(zb(target), dir, zb(name)));

export const linkat = (from: number, fromName: string, dir: number, name: string): number =>
  errno(libc().linkat(from, zb(fromName), dir, zb(name), 0));

const AT_SYMLINK_NOFOLLOW = 0x100;

/** Never follows a symbolic link. */
export const fchownat = (dir: number, name: string, uid: number, gid: number): number =>
  errno(libc().fchownat(dir, zb(name), uid, gid, AT_SYMLINK_NOFOLLOW));

export const fchown = (fd: number, uid: number, gid: number): number => errno(libc().fchown(fd, uid, gid));

/** Follows a symbolic link: for names that are none. */
export const fchmodat = (dir: number, name: string, mode: number): number =>
  errno(libc().fchmodat(dir, zb(name), mode, 0));

export const fchmod = (fd: number, mode: number): number => errno(libc().fchmod(fd, mode));

/** `times`: two timespec, access and change. Never follows a symbolic link. */
export const utimensat = (dir: number, name: string, times: BigInt64Array): number =>
  errno(libc().utimensat(dir, zb(name), times, AT_SYMLINK_NOFOLLOW));

export const futimens = (fd: number, times: BigInt64Array): number => errno(libc().futimens(fd, times));

export const syncfs = (fd: number): number => errno(libc().syncfs(fd));

/** Sends one datagram to `address`, a sockaddr. */
export const sendto = (fd: number, bytes: Uint8Array, flags: number, address: Uint8Array): number =>
  errno(libc().sendto(fd, bytes, bytes.length, flags, address, address.length));

export const flock = (fd: number, operation: number): number => errno(libc().flock(fd, operation));

export const madvise = (start: bigint, length: bigint, advice: number): number =>
  errno(libc().madvise(start, length, advice));

/** `termios` holds struct termios: 60 bytes in glibc. */
export const tcgetattr = (fd: number, termios: Uint8Array): number => errno(libc().tcgetattr(fd, termios));

export const tcsetattr = (fd: number, when: number, termios: Uint8Array): number =>
  errno(libc().tcsetattr(fd, when, termios));

export const cfmakeraw = (termios: Uint8Array): void => libc().cfmakeraw(termios);
