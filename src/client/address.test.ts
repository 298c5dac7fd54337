import { expect, test } from "bun:test";
import { addressOf } from "./address.ts";

test.each([
  [undefined, {}, { kind: "unix", path: "/var/run/bunker.sock" }],
  [undefined, { DOCKER_HOST: "unix:///x.sock" }, { kind: "unix", path: "/x.sock" }],
  ["unix:///y.sock", { DOCKER_HOST: "unix:///x.sock" }, { kind: "unix", path: "/y.sock" }],
  ["tcp://h:1234", {}, { kind: "tcp", hostname: "h", port: 1234, tls: undefined }],
  ["tcp://h", {}, { kind: "tcp", hostname: "h", port: 2375 }],
  ["tcp://[::1]:99", {}, { kind: "tcp", hostname: "::1", port: 99 }],
  ["tcp://h", { DOCKER_TLS_VERIFY: "1", DOCKER_CERT_PATH: "/nope" }, { port: 2376, tls: { verify: true } }],
])("address: %j with %j", (host, env, wanted) => {
  expect(addressOf({ host }, env)).toMatchObject(wanted);
});

test("address: what cannot be reached that way is refused", () => {
  expect(() => addressOf({ host: "foo://x" }, {})).toThrow("only unix:// and tcp:// are supported");
  expect(() => addressOf({ host: "tcp://h:x" }, {})).toThrow("unable to parse docker host");
});
