import { closeSync } from "node:fs";
import * as libc from "../../ffi/libc.ts";
import { check } from "./errors.ts";

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;

/**
 * Tells the service manager (`READY=1`) by one datagram to `socket`, the value of NOTIFY_SOCKET: a path, or with `@` in
 * front a name in the abstract namespace. sd_notify(3), unix(7).
 */
export function notify(socket: string, message: string): void {
  const fd = check("socket", "unix", libc.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  try {
    check("sendto", socket, libc.sendto(fd, Buffer.from(message), 0, addressOf(socket)));
  } finally {
    closeSync(fd);
  }
}

/** struct sockaddr_un: family, then the path with its zero, or a zero and the abstract name without one. */
function addressOf(socket: string): Uint8Array {
  const abstract = socket.startsWith("@");
  const name = Buffer.from(abstract ? `\0${socket.slice(1)}` : `${socket}\0`);
  return Buffer.concat([Buffer.from(new Uint16Array([AF_UNIX]).buffer), name]);
}
