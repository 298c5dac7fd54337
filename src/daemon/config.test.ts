import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Config, configure, defaults, type FlagValues, reconfigure } from "./config.ts";

const folder = mkdtempSync(join(tmpdir(), "bunker-config-"));
afterAll(() => rmSync(folder, { recursive: true }));
const NO_FILE = join(folder, "none.json");

function file(content: string): string {
  const path = join(folder, `${Math.random()}.json`);
  writeFileSync(path, content);
  return path;
}

function config(flags: Partial<FlagValues>, content?: string): Config {
  const path = content === undefined ? NO_FILE : file(content);
  const values = { ...defaults(), "config-file": path, ...flags };
  return configure(values, new Set(Object.keys(flags)));
}

test("config: what nobody said is the default", () => {
  expect(config({})).toMatchObject({
    dataRoot: "/var/lib/bunker",
    bridgeName: "bunker0",
    ip: "0.0.0.0",
    shutdownTimeout: 15,
    defaultShmSize: 67108864,
    notes: [],
  });
});

test("config: Docker 1.2's --graph is --data-root, and the newer name wins", () => {
  expect(config({ graph: "/g" }).dataRoot).toBe("/g");
  expect(config({ graph: "/g", "data-root": "/d" }).dataRoot).toBe("/d");
});

test("config: the file sets what no flag sets, by its own names", () => {
  const read = config(
    {},
    '{"labels":["a=b"],"hosts":["unix:///x"],"log-opts":{"max-size":"1m"},"default-ulimits":{"nofile":{"Name":"nofile","Hard":3,"Soft":2}},"proxies":{"http-proxy":"http://p"},"default-shm-size":"32m"}',
  );
  expect(read).toMatchObject({
    label: ["a=b"],
    host: ["unix:///x"],
    logOpt: { "max-size": "1m" },
    defaultUlimit: [{ Name: "nofile", Soft: 2, Hard: 3 }],
    httpProxy: "http://p",
    defaultShmSize: 32 * 1024 * 1024,
  });
});

test("config: what flag and file both say is refused in dockerd's words", () => {
  expect(() =>
    config({ label: ["c=d"], host: ["unix:///y"] }, '{"labels":["a=b"],"hosts":["unix:///x"]}'),
  ).toThrow(
    "the following directives are specified both as a flag and in the configuration file: hosts: (from flag: [unix:///y], from file: [unix:///x]), labels: (from flag: [c=d], from file: [a=b])",
  );
  expect(() => config({ "log-opt": { "max-file": "3" } }, '{"log-opts":{"max-size":"1m"}}')).toThrow(
    "log-opts: (from flag: map[max-file:3], from file: map[max-size:1m])",
  );
  expect(() => config({ graph: "/g" }, '{"data-root":"/d"}')).toThrow(
    "data-root: (from flag: /g, from file: /d)",
  );
});

test("config: keys that are no settings, JSON that is none and values of the wrong kind are refused", () => {
  expect(() => config({}, '{"nope":1,"zz":2,"config-file":"x"}')).toThrow(
    "the following directives don't match any configuration option: config-file, nope, zz",
  );
  expect(() => config({}, "{bad")).toThrow(
    /^unable to configure the Docker daemon with file .*: invalid JSON: /,
  );
  expect(() => config({}, '{"debug":"yes"}')).toThrow("debug: must be true or false");
  expect(() => config({}, '{"hosts":"x"}')).toThrow("hosts: must be a list of strings");
  expect(() => config({}, '{"labels":["x"]}')).toThrow("labels: bad attribute format: x");
  expect(() => config({}, '{"log-level":"zz"}')).toThrow("invalid logging level: zz");
});

test("config: a file that was named must exist", () => {
  expect(() => config({ "config-file": "/nope.json" })).toThrow(
    "unable to configure the Docker daemon with file /nope.json: open /nope.json: no such file or directory",
  );
});

test("config: what cannot be done is refused with the reason, and its default is not", () => {
  expect(() => config({ "selinux-enabled": true })).toThrow("--selinux-enabled cannot be honoured: SELinux");
  expect(() => config({ "userns-remap": "default" })).toThrow("--userns-remap cannot be honoured");
  expect(() => config({ "exec-driver": "lxc" })).toThrow("the only exec driver is native");
  expect(() => config({}, '{"ipv6":true}')).toThrow("--ipv6 cannot be honoured");
  expect(() => config({}, '{"runtimes":{"x":{"path":"x"}}}')).toThrow("no other runtimes");
  expect(config({ "selinux-enabled": false, "default-runtime": "runc" }, '{"runtimes":{}}').notes).toEqual(
    [],
  );
});

test("config: what is true of us anyway is taken and noted", () => {
  expect(config({ containerd: "/run/c.sock" }).notes).toEqual([
    "--containerd: there is no containerd: containers are supervised by bunker itself",
  ]);
});

test("config: settings that contradict each other are refused in dockerd's words", () => {
  expect(() => config({ bridge: "b", bip: "10.0.0.1/8" })).toThrow("mutually exclusive options");
  expect(() => config({ iptables: false, icc: false })).toThrow("ICC=false uses iptables to function");
  expect(config({ iptables: false }).ipMasq).toBe(false);
  expect(config({ tlsverify: true }).tls).toBe(true);
});

test("config: a reload takes what may change while running, and nothing else", () => {
  const path = file('{"debug":false,"labels":["a=1"],"mtu":1400}');
  const values = { ...defaults(), "config-file": path };
  const given = new Set(["config-file"]);
  const before = configure(values, given);
  writeFileSync(path, '{"debug":true,"labels":["a=2"],"mtu":1300}');
  expect(reconfigure(values, given, before)).toMatchObject({ debug: true, label: ["a=2"], mtu: 1400 });
});
