import { expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hostsOf, type NetworkFilesInput, writeNetworkFiles } from "./files.ts";

const LOCAL = `127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::\tip6-localnet
ff00::\tip6-mcastprefix
ff02::1\tip6-allnodes
ff02::2\tip6-allrouters
`;

const input = (more: Partial<NetworkFilesInput> = {}): NetworkFilesInput => ({
  hostname: "46ceb0f4b928",
  domainname: "",
  endpoint: { address: "172.17.0.2" },
  extraHosts: [],
  hostGateway: "172.17.0.1",
  dns: [],
  dnsOptions: [],
  dnsSearch: [],
  mode: "bridge",
  ...more,
});

test("hosts: Docker's lines, extra hosts, the container's own names", () => {
  expect(hostsOf(input())).toBe(`${LOCAL}172.17.0.2\t46ceb0f4b928\n`);
  const more = {
    hostname: "a.b.c",
    domainname: "x.y",
    extraHosts: ["foo:host-gateway", "bar:1.2.3.4", "six:[::1]"],
  };
  expect(hostsOf(input(more))).toBe(
    `${LOCAL}172.17.0.1\tfoo\n1.2.3.4\tbar\n::1\tsix\n172.17.0.2\ta.b.c.x.y a\n`,
  );
});

test("hosts: without an address no own line; with network host the host's file, or Docker's lines with extra hosts", () => {
  expect(hostsOf(input({ mode: "none", endpoint: {} }))).toBe(LOCAL);
  expect(hostsOf(input({ mode: "host", endpoint: {} }))).toBe(readFileSync("/etc/hosts", "utf8"));
  expect(hostsOf(input({ mode: "host", endpoint: {}, extraHosts: ["a:1.2.3.4"] }))).toBe(
    `${LOCAL}1.2.3.4\ta\n`,
  );
});

test("an extra host without an address, or host-gateway without a bridge, is refused", () => {
  expect(() => hostsOf(input({ extraHosts: ["foo"] }))).toThrow('bad format for add-host: "foo"');
  expect(() => hostsOf(input({ extraHosts: ["a:host-gateway"], hostGateway: undefined }))).toThrow(
    "host-gateway",
  );
});

test("a resolv.conf that was edited is left as it is, one that was not is made anew", () => {
  const dir = mkdtempSync(join(tmpdir(), "bunker-files-"));
  const { resolvConf, hostname } = writeNetworkFiles(dir, input({ dns: ["1.1.1.1"] }));
  expect(readFileSync(hostname, "utf8")).toBe("46ceb0f4b928\n");
  writeNetworkFiles(dir, input({ dns: ["2.2.2.2"] }));
  expect(readFileSync(resolvConf, "utf8")).toContain("nameserver 2.2.2.2\n");
  writeFileSync(resolvConf, "nameserver 3.3.3.3\n");
  writeNetworkFiles(dir, input({ dns: ["4.4.4.4"] }));
  expect(readFileSync(resolvConf, "utf8")).toBe("nameserver 3.3.3.3\n");
  rmSync(dir, { recursive: true });
});
