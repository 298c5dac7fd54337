import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Challenge, parseChallenges } from "./auth.ts";
import { endpointsOf, isInsecure, tlsOf } from "./hosts.ts";

const bases = (...args: Parameters<typeof endpointsOf>) => endpointsOf(...args).map(({ base }) => base);

test("hosts: mirrors are for docker.io, before its own registry", () => {
  const mirrors = ["https://mirror.example/", "http://127.0.0.1:5000"];
  expect(bases("docker.io", { mirrors })).toEqual([
    "https://mirror.example",
    "http://127.0.0.1:5000",
    "https://registry-1.docker.io",
  ]);
  expect(bases("quay.io", { mirrors })).toEqual(["https://quay.io"]);
  expect(() => endpointsOf("docker.io", { mirrors: ["mirror.example"] })).toThrow("invalid mirror");
});

test("hosts: loopback and what the settings name may be without TLS, nothing else", () => {
  expect(bases("127.0.0.1:5000")).toEqual(["https://127.0.0.1:5000", "http://127.0.0.1:5000"]);
  expect(bases("localhost:5000")).toHaveLength(2);
  expect(bases("[::1]:5000")).toHaveLength(2);
  expect(bases("127.evil.example")).toEqual(["https://127.evil.example"]);
  expect(isInsecure("10.1.2.3:5000", ["10.1.0.0/16"])).toBe(true);
  expect(isInsecure("10.2.2.3:5000", ["10.1.0.0/16"])).toBe(false);
  expect(isInsecure("reg.example:5000", ["reg.example:5000"])).toBe(true);
  expect(isInsecure("reg.example:5001", ["reg.example:5000"])).toBe(false);
});

test("hosts: a registry's certificates are read from its folder", () => {
  const certificates = mkdtempSync(join(tmpdir(), "bk-certs-"));
  const endpoint = endpointsOf("reg.example:5000")[0]!;
  expect(tlsOf(endpoint, certificates)).toEqual({});
  mkdirSync(join(certificates, endpoint.host));
  for (const name of ["ca.crt", "client.cert"]) writeFileSync(join(certificates, endpoint.host, name), name);
  expect(() => tlsOf(endpoint, certificates)).toThrow(
    "missing key client.key for client certificate client.cert",
  );
  writeFileSync(join(certificates, endpoint.host, "client.key"), "key");
  expect(tlsOf(endpoint, certificates)).toEqual({ ca: ["ca.crt"], cert: "client.cert", key: "key" });
  rmSync(certificates, { recursive: true });
});

const headers: [string, Challenge[]][] = [
  [
    'Bearer realm="https://a/token",service="s",scope="repository:x:pull,push"',
    [
      {
        scheme: "bearer",
        parameters: { realm: "https://a/token", service: "s", scope: "repository:x:pull,push" },
      },
    ],
  ],
  ['Basic realm="a \\"b\\""', [{ scheme: "basic", parameters: { realm: 'a "b"' } }]],
  [
    'Basic realm=x, Bearer realm="y", service=z',
    [
      { scheme: "basic", parameters: { realm: "x" } },
      { scheme: "bearer", parameters: { realm: "y", service: "z" } },
    ],
  ],
  ["", []],
];

test.each(headers)("challenges: %s", (header, challenges) => {
  expect(parseChallenges(header)).toEqual(challenges);
});
