import { expect, test } from "bun:test";
import { formatAddress, parseAddress } from "./address.ts";

const parse = (host: string, tls = false) => parseAddress(host, tls, "/run/default.sock");

test("address: each form that -H takes", () => {
  expect(parse("unix:///a/b.sock")).toEqual({ kind: "unix", path: "/a/b.sock" });
  expect(parse("unix://")).toEqual({ kind: "unix", path: "/run/default.sock" });
  expect(parse("tcp://0.0.0.0:1234")).toEqual({ kind: "tcp", host: "0.0.0.0", port: 1234 });
  expect(parse("tcp://")).toEqual({ kind: "tcp", host: "localhost", port: 2375 });
  expect(parse("tcp://:99", true)).toEqual({ kind: "tcp", host: "localhost", port: 99 });
  expect(parse("tcp://[::1]", true)).toEqual({ kind: "tcp", host: "::1", port: 2376 });
  expect(parse("127.0.0.1:5555")).toEqual({ kind: "tcp", host: "127.0.0.1", port: 5555 });
  expect(parse("fd://")).toEqual({ kind: "fd", fd: undefined });
  expect(parse("fd://4")).toEqual({ kind: "fd", fd: 4 });
});

test("address: what is none is refused by name", () => {
  expect(() => parse("foo://x")).toThrow("invalid bind address (foo://x): unsupported proto 'foo'");
  expect(() => parse("unix://relative")).toThrow("must be absolute");
  expect(() => parse("tcp://host:99999")).toThrow("invalid bind address (tcp://host:99999)");
  expect(() => parse("tcp://a:b:c")).toThrow("invalid bind address");
  expect(() => parse("fd://1")).toThrow("3 or more");
});

test("address: is shown as it is written", () => {
  for (const host of ["unix:///a", "tcp://localhost:2375", "tcp://[::1]:2376", "fd://*", "fd://3"])
    expect(formatAddress(parse(host))).toBe(host);
});
