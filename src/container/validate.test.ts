import { expect, test } from "bun:test";
import type { ContainerConfig, HostConfig } from "../api/container_config.ts";
import { EngineError } from "../base/errors.ts";
import { CAPABILITIES } from "../oci/capabilities.ts";
import type { HostFacts } from "./facts.ts";
import { listOf } from "./facts.ts";
import { validateHostConfig } from "./validate.ts";

const can = {
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
};
const facts: HostFacts = {
  cgroup: 1,
  kernel: [6, 18],
  hostname: "host",
  capabilities: CAPABILITIES,
  cpus: 2,
  cpuList: "0-1",
  memoryNodes: "0",
  apparmor: false,
  can,
  exists: () => false,
  devices: () => undefined,
};
const MiB = 2 ** 20;

/** What a running Docker 28.5.2 answers, word for word. */
test.each<[HostConfig, string]>([
  [{ Memory: 4_000_000 }, "Minimum memory limit allowed is 6MB"],
  [
    { Memory: 100 * MiB, MemorySwap: 50 * MiB },
    "Minimum memoryswap limit should be larger than memory limit, see usage",
  ],
  [{ MemorySwap: 50 * MiB }, "You should always set the Memory limit when using Memoryswap limit, see usage"],
  [{ MemorySwappiness: 101 }, "Invalid value: 101, valid memory swappiness range is 0-100"],
  [{ MemoryReservation: 1000 }, "Minimum memory reservation allowed is 6MB"],
  [
    { Memory: 50 * MiB, MemoryReservation: 60 * MiB },
    "Minimum memory limit can not be less than memory reservation limit, see usage",
  ],
  [{ NanoCpus: 9e9 }, "range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available"],
  [{ NanoCpus: 1e9, CpuQuota: 50_000 }, "Conflicting options: Nano CPUs and CPU Quota cannot both be set"],
  [
    { CpuPeriod: 100 },
    "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)",
  ],
  [{ CpuQuota: 100 }, "CPU cfs quota can not be less than 1ms (i.e. 1000)"],
  [{ CpusetCpus: "x" }, "Invalid value x for cpuset cpus: invalid format: x"],
  [{ CpusetCpus: "7" }, "Requested CPUs are not available - requested 7, available: 0-1"],
  [{ CpusetMems: "7" }, "Requested memory nodes are not available - requested 7, available: 0"],
  [{ OomScoreAdj: 2000 }, "Invalid value 2000, range for oom score adj is [-1000, 1000]"],
  [{ ShmSize: -1 }, "SHM size can not be less than 0"],
  [{ CapAdd: ["FOO"] }, 'invalid CapAdd: unknown capability: "CAP_FOO"'],
  [{ CapDrop: ["foo"] }, 'invalid CapDrop: unknown capability: "CAP_FOO"'],
  [{ SecurityOpt: ["foo"] }, 'invalid --security-opt 1: "foo"'],
  [{ SecurityOpt: ["no-new-privileges=x"] }, 'invalid --security-opt 2: "no-new-privileges=x"'],
  [{ IpcMode: "foo" }, "invalid IPC mode: foo"],
  [{ PidMode: "foo" }, "invalid PID mode: foo"],
  [{ UTSMode: "foo" }, "invalid UTS mode: foo"],
  [{ CgroupnsMode: "foo" as "host" }, "invalid cgroup namespace mode: foo"],
  [{ Sysctls: { "kernel.foo": "1" } }, 'sysctl "kernel.foo" is not in a separate kernel namespace'],
  [
    { Sysctls: { "net.ipv4.ip_forward": "1" }, NetworkMode: "host" },
    'sysctl "net.ipv4.ip_forward" not allowed in host network namespace',
  ],
  [
    { Sysctls: { "kernel.shmmax": "1" }, IpcMode: "host" },
    'sysctl "kernel.shmmax" is not allowed in the hosts ipc namespace',
  ],
  [{ DeviceCgroupRules: ["x"] }, "invalid device cgroup rule format: 'x'"],
  [
    { DeviceRequests: [{ Capabilities: [["gpu"]] }] },
    'could not select device driver "" with capabilities: [[gpu]]',
  ],
  [{ Ulimits: [{ Name: "foo", Soft: 1, Hard: 1 }] }, "wrong rlimit value: RLIMIT_FOO"],
])("validate: %j is refused in Docker's words", (host, message) => {
  expect(() => validateHostConfig(host, {}, facts)).toThrow(message);
  expect(() => validateHostConfig(host, {}, facts)).toThrow(EngineError);
});

test("validate: a capability that this host does not have cannot be given", () => {
  const poor = { ...facts, capabilities: CAPABILITIES.filter((name) => name !== "CAP_SYS_RESOURCE") };
  for (const host of [{ CapAdd: ["sys_resource"] }, { CapAdd: ["SYS_RESOURCE"], Privileged: true }])
    expect(() => validateHostConfig(host, {}, poor)).toThrow(
      'invalid CapAdd: capability not supported by your kernel or not available in the current environment: "CAP_SYS_RESOURCE"',
    );
});

test("validate: a hostname of one's own needs a uts namespace of one's own", () => {
  const config: ContainerConfig = { Hostname: "x" };
  expect(() => validateHostConfig({ UTSMode: "host" }, config, facts)).toThrow(
    "conflicting options: hostname and the UTS mode",
  );
});

test("validate: what this kernel cannot do is dropped, and said", () => {
  const { host, warnings } = validateHostConfig({ BlkioWeight: 500, PidsLimit: -5 }, {}, facts);
  expect(host).toMatchObject({ BlkioWeight: 0, PidsLimit: null });
  expect(warnings).toEqual([
    "Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded.",
  ]);
});

test("validate: cgroup v2 knows no swappiness and no switch for the OOM killer", () => {
  const v2 = { ...facts, cgroup: 2 as const, can: { ...can, swappiness: false, oomKillDisable: false } };
  const { host, warnings } = validateHostConfig({ MemorySwappiness: 10, OomKillDisable: true }, {}, v2);
  expect(host).toMatchObject({ MemorySwappiness: null, OomKillDisable: null });
  expect(warnings).toHaveLength(2);
});

test("validate: memory without the OOM killer and without a limit is warned of", () => {
  expect(validateHostConfig({ OomKillDisable: true }, {}, facts).warnings[0]).toStartWith(
    "OOM killer is disabled",
  );
});

test("facts: lists of cpus are read as cpuset(7) writes them", () => {
  expect(listOf("0-2,5")).toEqual([0, 1, 2, 5]);
  for (const bad of ["", "a", "3-1", "1-", "-1"]) expect(() => listOf(bad)).toThrow(RangeError);
});
