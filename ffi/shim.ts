import { dlopen, type FFIFunction, FFIType as T } from "bun:ffi";
import { shimPath } from "./embed.ts";

/** Every function of ffi/shim/shim.h, once. All return 0 or more, or -errno; test/abi holds this against the header. */
const TABLE = {
  bk_spawn: { args: [T.i32, T.cstring, T.ptr, T.i32, T.ptr], returns: T.i32 },
  bk_pidfd_open: { args: [T.i32], returns: T.i32 },
  bk_pidfd_signal: { args: [T.i32, T.i32], returns: T.i32 },
  bk_pidfd_reap: { args: [T.i32, T.i32], returns: T.i32 },
  bk_memfd: { args: [T.cstring], returns: T.i32 },
  bk_openat2: { args: [T.i32, T.cstring, T.u64, T.u32, T.u64], returns: T.i32 },
  bk_dup: { args: [T.i32], returns: T.i32 },
  bk_mknodat: { args: [T.i32, T.cstring, T.u32, T.u32, T.u32], returns: T.i32 },
  bk_netns_new: { args: [T.ptr], returns: T.i32 },
  bk_netns_socket: { args: [T.i32, T.i32, T.i32, T.i32], returns: T.i32 },
  bk_netns_write: { args: [T.i32, T.cstring, T.ptr, T.u64], returns: T.i32 },
  bk_iptables_batch: { args: [T.i32, T.ptr, T.u64, T.u32, T.ptr], returns: T.i32 },
  bk_cgroup_devices: { args: [T.cstring, T.ptr, T.u32], returns: T.i32 },
} as const satisfies Record<string, FFIFunction>;

let opened: ReturnType<typeof open> | undefined;
const open = () => dlopen(shimPath(), TABLE).symbols;

/** The C shim, loaded on the first call: importing this file does nothing. Use: `shim().bk_dup(fd)`. */
export function shim(): ReturnType<typeof open> {
  opened ??= open();
  return opened;
}
