import { z } from "../../ffi/libc.ts";
import { shim } from "../../ffi/shim.ts";
import { check } from "./errors.ts";

/**
 * Makes a network namespace, empty but for `lo`, and an rtnetlink socket that lives in it. It lasts as long as a
 * descriptor, a socket or a process holds it. Both descriptors are the caller's. Throws SyscallError.
 */
export function newNetns(): { netns: number; route: number } {
  const route = new Int32Array(1);
  const netns = check("unshare", "network namespace", shim().bk_netns_new(route));
  return { netns, route: route[0]! };
}

/** socket(2) in another namespace, usable from here. */
export const socketIn = (netns: number, domain: number, type: number, protocol: number): number =>
  check("socket", "network namespace", shim().bk_netns_socket(netns, domain, type, protocol));

/** Writes `/proc/sys/net/<name>` as the namespace has it. */
export function sysctlIn(netns: number, name: string, value: string): void {
  const bytes = Buffer.from(value);
  const path = `/proc/sys/net/${name}`;
  check("write", path, shim().bk_netns_write(netns, z(path), bytes, bytes.length));
}
