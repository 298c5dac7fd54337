import { dlopen, FFIType as T } from "bun:ffi";
import { afterAll, expect, test } from "bun:test";
import { closeSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { recv, socket } from "../../ffi/libc.ts";
import { notify } from "./notify.ts";

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const folder = mkdtempSync(join(tmpdir(), "bunker-notify-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Binds a datagram socket as a service manager does, lets `send` send to it, and gives what came. */
function received(address: string, send: () => void): string {
  const { symbols, close } = dlopen("libc.so.6", {
    bind: { args: [T.i32, T.ptr, T.u32], returns: T.i32 },
  });
  const fd = socket(AF_UNIX, SOCK_DGRAM, 0);
  try {
    const name = Buffer.concat([Buffer.from([AF_UNIX, 0]), Buffer.from(address)]);
    expect(symbols.bind(fd, name, name.length)).toBe(0);
    send();
    const bytes = new Uint8Array(100);
    return Buffer.from(bytes.subarray(0, recv(fd, bytes))).toString();
  } finally {
    closeSync(fd);
    close();
  }
}

test("notify: a datagram reaches a path", () => {
  const path = join(folder, "notify");
  expect(received(`${path}\0`, () => notify(path, "READY=1"))).toBe("READY=1");
});

test("notify: a datagram reaches a name in the abstract namespace", () => {
  const name = `bunker-test-${process.pid}`;
  expect(received(`\0${name}`, () => notify(`@${name}`, "STOPPING=1"))).toBe("STOPPING=1");
});

test("notify: nobody there is an error", () => {
  expect(() => notify(join(folder, "nobody"), "READY=1")).toThrow("ENOENT");
});
