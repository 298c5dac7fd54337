import { expect, test } from "bun:test";
import type { ContainerConfig, HostConfig } from "../api/container_config.ts";
import { CAPABILITIES } from "../oci/capabilities.ts";
import type { Seccomp } from "../oci/runtime.ts";
import type { HostFacts } from "./facts.ts";
import { execProcessOf, type SpecInput, specOf } from "./spec.ts";

const null_ = { path: "/dev/null", type: "c" as const, major: 1, minor: 3, fileMode: 0o666, uid: 0, gid: 0 };
const kmsg = { path: "/dev/kmsg", type: "c" as const, major: 1, minor: 11, fileMode: 0o644, uid: 0, gid: 0 };

const facts: HostFacts = {
  cgroup: 1,
  kernel: [6, 18],
  hostname: "host",
  capabilities: CAPABILITIES,
  cpus: 2,
  cpuList: "0-1",
  memoryNodes: "0",
  apparmor: false,
  can: {
    memory: true,
    swap: true,
    swappiness: true,
    oomKillDisable: true,
    cpu: true,
    realtime: true,
    cpuset: true,
    pids: true,
    blkioWeight: false,
    blkioThrottle: true,
  },
  exists: () => false,
  devices: (path) =>
    ({
      "/dev": [null_, kmsg],
      "/dev/kmsg": [kmsg],
      "/etc": [],
      "/dev/vda": [{ ...kmsg, type: "b" as const, major: 254, minor: 0 }],
    })[path],
};

const spec = (host: HostConfig = {}, config: ContainerConfig = {}, more: Partial<SpecInput> = {}) =>
  specOf({
    id: "f".repeat(64),
    config: { Cmd: ["sh"], ...config },
    host,
    hostname: "ffffffffffff",
    cgroupParent: "/docker",
    files: { hosts: "/c/hosts", hostname: "/c/hostname", resolvConf: "/c/resolv.conf" },
    mounts: [],
    user: { uid: 0, gid: 0, home: "/root" },
    namespaces: {},
    defaults: { shmSize: 67108864, ulimits: [] },
    facts,
    ...more,
  });

const mount = (s: ReturnType<typeof spec>, destination: string) =>
  s.mounts.find((one) => one.destination === destination);
const kinds = (s: ReturnType<typeof spec>) => s.linux.namespaces.map((one) => one.type);

test("spec: a container without any wish gets what Docker 28 gives it", () => {
  const { process, linux, mounts, ...rest } = spec();
  expect(process.capabilities?.bounding).toHaveLength(14);
  expect(process.capabilities?.inheritable).toBeUndefined();
  expect(process.env).toEqual([
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOSTNAME=ffffffffffff",
    "HOME=/root",
  ]);
  expect(rest.hostname).toBe("ffffffffffff");
  expect(mounts.map((one) => one.destination)).toEqual([
    "/proc",
    "/dev",
    "/dev/pts",
    "/sys",
    "/sys/fs/cgroup",
    "/dev/mqueue",
    "/dev/shm",
    "/etc/resolv.conf",
    "/etc/hostname",
    "/etc/hosts",
  ]);
  expect(linux.namespaces).toEqual(
    (["mount", "network", "uts", "pid", "ipc"] as const).map((type) => ({ type })),
  );
  expect(linux.cgroupsPath).toBe(`/docker/${"f".repeat(64)}`);
  expect(linux.sysctl).toEqual({
    "net.ipv4.ip_unprivileged_port_start": "0",
    "net.ipv4.ping_group_range": "0 2147483647",
  });
  expect(linux.maskedPaths).toContain("/proc/kcore");
  expect(linux.readonlyPaths).toContain("/proc/sysrq-trigger");
  expect(linux.seccomp?.defaultAction).toBe("SCMP_ACT_ERRNO");
});

test("spec: --privileged lifts every confinement but the namespaces", () => {
  const { process, linux, mounts } = spec({ Privileged: true });
  expect(process.capabilities?.effective).toHaveLength(41);
  expect(linux.seccomp).toBeUndefined();
  expect(linux.maskedPaths).toEqual([]);
  expect(linux.readonlyPaths).toEqual([]);
  expect(linux.devices).toEqual([null_, kmsg]);
  expect(linux.resources?.devices?.at(-1)).toEqual({ allow: true, access: "rwm" });
  for (const one of mounts) expect(one.options).not.toContain("ro");
  expect(linux.namespaces).toHaveLength(5);
});

test.each<[HostConfig, number, string[], string[]]>([
  [{ CapAdd: ["net_admin", "CAP_SYS_TIME"], CapDrop: ["CHOWN"] }, 15, ["CAP_NET_ADMIN"], ["CAP_CHOWN"]],
  [{ CapAdd: ["ALL"], CapDrop: ["mknod"] }, 40, ["CAP_SYS_ADMIN"], ["CAP_MKNOD"]],
  [{ CapDrop: ["all"], CapAdd: ["CHOWN"] }, 1, ["CAP_CHOWN"], ["CAP_KILL"]],
  [{ CapDrop: ["ALL"] }, 0, [], ["CAP_CHOWN"]],
  [{ CapAdd: ["KILL"] }, 14, ["CAP_KILL"], []],
])("spec: capabilities %j come to %d", (host, count, has, lacks) => {
  const names = spec(host).process.capabilities!.bounding!;
  expect(names).toHaveLength(count);
  expect(names).toEqual(expect.arrayContaining(has));
  for (const name of lacks) expect(names).not.toContain(name);
});

test("spec: limits are config.json's", () => {
  const { linux } = spec({
    Memory: 100,
    MemorySwap: 200,
    NanoCpus: 1.5e9,
    CpuShares: 512,
    CpusetCpus: "0",
    PidsLimit: 7,
    BlkioDeviceReadBps: [{ Path: "/dev/vda", Rate: 9 }],
  });
  expect(linux.resources).toMatchObject({
    memory: { limit: 100, swap: 200 },
    cpu: { quota: 150_000, period: 100_000, shares: 512, cpus: "0" },
    pids: { limit: 7 },
    blockIO: { throttleReadBpsDevice: [{ major: 254, minor: 0, rate: 9 }] },
  });
  expect(() => spec({ BlkioDeviceReadBps: [{ Path: "/dev/nope", Rate: 9 }] })).toThrow("stat /dev/nope");
});

test("spec: a device is made and allowed, and one that does not exist is named", () => {
  const device = { PathOnHost: "/dev/kmsg", PathInContainer: "/dev/xx", CgroupPermissions: "r" };
  const { linux } = spec({ Devices: [device], DeviceCgroupRules: ["c 7:* rw"] });
  expect(linux.devices).toEqual([{ ...kmsg, path: "/dev/xx" }]);
  expect(linux.resources?.devices?.slice(-2)).toEqual([
    { allow: true, type: "c", major: 1, minor: 11, access: "r" },
    { allow: true, type: "c", major: 7, minor: undefined, access: "rw" },
  ]);
  expect(() => spec({ Devices: [{ ...device, PathOnHost: "/dev/nope" }] })).toThrow(
    'error gathering device information while adding custom device "/dev/nope": no such file or directory',
  );
});

test("spec: namespaces of the host are left out, those of others joined", () => {
  const host = spec({ NetworkMode: "host", PidMode: "host", UTSMode: "host", IpcMode: "host" });
  expect(kinds(host)).toEqual(["mount"]);
  expect(host.hostname).toBeUndefined();
  expect(host.linux.sysctl).toEqual({});
  expect(mount(host, "/dev/shm")).toMatchObject({ type: "bind", source: "/dev/shm" });
  const joined = spec({}, {}, { namespaces: { network: "/proc/7/ns/net", pid: "/proc/7/ns/pid" } });
  expect(joined.linux.namespaces).toContainEqual({ type: "network", path: "/proc/7/ns/net" });
  expect(joined.linux.sysctl).toEqual({});
  expect(kinds(spec({ CgroupnsMode: "private" }))).toContain("cgroup");
  expect(mount(spec({ IpcMode: "none" }), "/dev/shm")).toBeUndefined();
});

test("spec: what the user mounts takes the place of what Docker mounts there, shorter paths first", () => {
  const bind = (destination: string) => ({
    destination,
    source: "/x",
    type: "bind" as const,
    options: ["rbind"],
  });
  const s = spec({}, {}, { mounts: [bind("/a/b/c"), bind("/a"), bind("/dev/shm"), bind("/etc/hosts")] });
  const order = s.mounts.map((one) => one.destination);
  expect(order.indexOf("/a")).toBeLessThan(order.indexOf("/a/b/c"));
  expect(s.mounts.filter((one) => one.destination === "/dev/shm")).toEqual([{ ...bind("/dev/shm") }]);
  expect(mount(s, "/etc/hosts")).toMatchObject({ source: "/x" });
  const dev = spec({}, {}, { mounts: [bind("/dev")] });
  expect(dev.mounts.some((one) => one.destination.startsWith("/dev/"))).toBe(false);
});

test("spec: a read-only root has read-only /etc/hosts, /etc/hostname and /etc/resolv.conf", () => {
  const s = spec({ ReadonlyRootfs: true });
  expect(s.root?.readonly).toBe(true);
  for (const name of ["hosts", "hostname", "resolv.conf"])
    expect(mount(s, `/etc/${name}`)?.options).toContain("ro");
});

test("spec: --init goes before the command, but not where the pids are shared", () => {
  const init = "/x/init";
  const s = spec({ Init: true }, { Entrypoint: ["/a"], Cmd: ["b"] }, { init });
  expect(s.process.args).toEqual(["/sbin/docker-init", "--", "/a", "b"]);
  expect(mount(s, "/sbin/docker-init")).toMatchObject({ source: init, options: ["bind", "ro"] });
  expect(spec({ Init: true, PidMode: "host" }, {}, { init }).process.args).toEqual(["sh"]);
  expect(() => spec({ Init: true })).toThrow("docker-init is not available");
});

test("spec: without a command there is nothing to run", () => {
  expect(() => spec({}, { Cmd: [] })).toThrow("no command specified");
});

test("spec: security options", () => {
  expect(spec({ SecurityOpt: ["no-new-privileges"] }).process.noNewPrivileges).toBe(true);
  expect(spec({ SecurityOpt: ["no-new-privileges:false"] }).process.noNewPrivileges).toBe(false);
  expect(spec({ SecurityOpt: ["seccomp=unconfined"] }).linux.seccomp).toBeUndefined();
  expect(spec({ SecurityOpt: ["seccomp={}"] }).linux.seccomp).toBeUndefined();
  expect(spec({ SecurityOpt: ["systempaths=unconfined"] }).linux.maskedPaths).toEqual([]);
  expect(spec({ SecurityOpt: ["label=disable", "apparmor=x"] }).linux.seccomp).toBeDefined();
  expect(mount(spec({ SecurityOpt: ["writable-cgroups=true"] }), "/sys/fs/cgroup")?.options).not.toContain(
    "ro",
  );
  expect(() => spec({ SecurityOpt: ["foo"] })).toThrow('invalid --security-opt 1: "foo"');
  expect(() => spec({ SecurityOpt: ["foo=bar"] })).toThrow('invalid --security-opt 2: "foo=bar"');
});

test("spec: an AppArmor profile has no meaning where there is no AppArmor", () => {
  const host = { SecurityOpt: ["apparmor=mine"] };
  expect(spec(host).process.apparmorProfile).toBeUndefined();
  const armed = { facts: { ...facts, apparmor: true } };
  expect(spec(host, {}, armed).process.apparmorProfile).toBe("mine");
  expect(spec({ SecurityOpt: ["apparmor=unconfined"] }, {}, armed).process.apparmorProfile).toBeUndefined();
});

test("spec: a profile of the user's is resolved, with its 64-bit numbers whole", () => {
  const profile = `{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[
    {"names":["mkdir"],"action":"SCMP_ACT_ERRNO","args":[{"index":0,"value":18446744073709551615,"op":"SCMP_CMP_EQ"}]},
    {"name":"chmod","action":"SCMP_ACT_ERRNO","includes":{"caps":["CAP_SYS_ADMIN"]}},
    {"name":"chown","action":"SCMP_ACT_ERRNO","excludes":{"minKernel":"4.8"}}]}`;
  const { syscalls } = spec({ SecurityOpt: [`seccomp=${profile}`] }).linux.seccomp as Required<Seccomp>;
  expect(syscalls.map((rule) => rule.names)).toEqual([["mkdir"]]);
  expect(syscalls[0]!.args![0]!.value).toBe(2n ** 64n - 1n);
  expect(() => spec({ SecurityOpt: ["seccomp={x"] })).toThrow("Decoding seccomp profile failed");
});

test("spec: the default profile opens what a capability stands for", () => {
  const names = (s: ReturnType<typeof spec>, action: string) =>
    s.linux
      .seccomp!.syscalls!.filter((rule) => rule.action === action && !rule.args?.length)
      .flatMap((rule) => rule.names);
  expect(names(spec(), "SCMP_ACT_ALLOW")).not.toContain("mount");
  expect(names(spec(), "SCMP_ACT_ERRNO")).toContain("clone3");
  const admin = spec({ CapAdd: ["SYS_ADMIN"] });
  expect(names(admin, "SCMP_ACT_ALLOW")).toContain("mount");
  expect(names(admin, "SCMP_ACT_ERRNO")).not.toContain("clone3");
});

test("spec: ulimits of the container beat the daemon's", () => {
  const defaults = { shmSize: 1, ulimits: [{ Name: "nofile", Soft: 1, Hard: 2 }] };
  const host = { Ulimits: [{ Name: "nofile", Soft: 3, Hard: -1 }] };
  expect(spec(host, {}, { defaults }).process.rlimits).toEqual([
    { type: "RLIMIT_NOFILE", soft: 3, hard: -1 },
  ]);
});

test("spec: variables of config take the place of Docker's; a name alone takes one away", () => {
  expect(spec({}, { Tty: true, Env: ["A=1", "PATH=/x", "HOSTNAME"] }).process.env).toEqual([
    "PATH=/x",
    "TERM=xterm",
    "A=1",
    "HOME=/root",
  ]);
});

test("exec: runs confined as the container is, with a home and a terminal of its own", () => {
  const user = { uid: 5, gid: 6, home: "/home/five" };
  const container = spec({}, { Env: ["A=1"], WorkingDir: "/w" });
  const process = execProcessOf(container, { Cmd: ["ls"], Tty: true, Env: ["A=2", "B=3"] }, user);
  expect(process).toMatchObject({ args: ["ls"], cwd: "/w", terminal: true, user: { uid: 5, gid: 6 } });
  expect(process.env?.slice(2)).toEqual(["A=2", "TERM=xterm", "B=3", "HOME=/home/five"]);
  expect(process.capabilities).toEqual(container.process.capabilities);
  const given = spec({}, { Env: ["HOME=/given"] });
  expect(execProcessOf(given, { Cmd: ["ls"] }, user).env).toContain("HOME=/given");
  expect(
    execProcessOf(container, { Cmd: ["ls"], Privileged: true }, user).capabilities?.bounding?.length,
  ).toBeGreaterThan(30);
});
