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
  socketpair: { args: [T.i32, T.i32, T.i32, T.ptr], returns: T.i32 },
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
function errno<N extends number>(rc: N): number {
  return rc === -1 ? -read.i32(libc().__errno_location()!, 0) : rc;
}

export const mount = (source: string, target: string, type: string, flags: number, data: string): number =>
  errno(libc().mount(z(source), z(target), z(type), flags, z(data)));

export const umount2 = (target: string, flags: number): number => errno(libc().umount2(z(target), flags));

export const lsetxattr = (path: string, name: string, value: Uint8Array): number =>
  errno(libc().lsetxattr(z(path), z(name), value, value.length, 0));

export const fsetxattr = (fd: number, name: string, value: Uint8Array): number =>
  errno(libc().fsetxattr(fd, z(name), value, value.length, 0));

/** Fills `value`; returns the length, or -ERANGE when it is too small. */
export const lgetxattr = (path: string, name: string, value: Uint8Array): number =>
  errno(libc().lgetxattr(z(path), z(name), value, value.length));

export const llistxattr = (path: string, names: Uint8Array): number =>
  errno(libc().llistxattr(z(path), names, names.length));

export const lremovexattr = (path: string, name: string): number =>
  errno(libc().lremovexattr(z(path), z(name)));

/** Both ends into `pair`. */
export const socketpair = (domain: number, type: number, protocol: number, pair: Int32Array): number =>
  errno(libc().socketpair(domain, type, protocol, pair));
