import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { cgroups } from "../../src/libcontainer/cgroup.ts";
import type { Resources } from "../../src/oci/runtime.ts";

/** cgroup v1 on most machines of ours, v2 in the virtual machine (test/README.md): the same sentences hold for both. */
const cgroup = cgroups();
const v2 = cgroup.version === 2;
const PARENT = `/bk-cgroup-${process.pid}`;
const ROOT = "/sys/fs/cgroup";
let next = 0;

const MiB = 2 ** 20;

interface Inside extends Disposable {
  readonly path: string;
  /** Runs a shell line in the cgroup. */
  sh(line: string): Bun.Subprocess<"ignore", "pipe", "pipe">;
}

/** A cgroup with `resources`, and processes put into it as the first thing they do. */
function made(resources: Resources): Inside {
  const path = `${PARENT}/${next++}`;
  const { procs } = cgroup.create(path, resources);
  const enter = procs.map((file) => `echo 0 > ${file}`).join(" && ");
  return {
    path,
    sh: (line) => Bun.spawn(["/bin/sh", "-c", `${enter} && ${line}`], { stdio: ["ignore", "pipe", "pipe"] }),
    [Symbol.dispose]: () => {
      for (const pid of cgroup.pids(path)) endProcess(pid);
    },
  };
}

function endProcess(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error; // it was ending already
  }
}

const file = (controller: string, path: string, name: string): string =>
  readFileSync(`${ROOT}${v2 ? "" : `/${controller}`}${path}/${name}`, "utf8").trim();

async function until(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 5000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error("the condition did not come true within 5 s");
    await Bun.sleep(5);
  }
}

beforeAll(() => {
  if (process.getuid?.() !== 0) throw new Error("kernel tests need root");
});

afterAll(async () => {
  for (let i = 0; i < next; i++) await cgroup.delete(`${PARENT}/${i}`);
  cgroup.prune(PARENT);
  expect(existsSync(`${ROOT}${v2 ? "" : "/memory"}${PARENT}`)).toBe(false);
});

test("cgroup: limits stand in the kernel's files as they were given", () => {
  using inside = made({
    memory: { limit: 64 * MiB, swap: 96 * MiB, reservation: 32 * MiB },
    cpu: { shares: 512, quota: 50_000, period: 100_000, cpus: "0" },
    pids: { limit: 20 },
  });
  const { path } = inside;
  expect(file("memory", path, v2 ? "memory.max" : "memory.limit_in_bytes")).toBe(String(64 * MiB));
  expect(file("memory", path, v2 ? "memory.swap.max" : "memory.memsw.limit_in_bytes")).toBe(
    String((v2 ? 32 : 96) * MiB),
  );
  expect(file("memory", path, v2 ? "memory.low" : "memory.soft_limit_in_bytes")).toBe(String(32 * MiB));
  expect(file("cpu", path, v2 ? "cpu.weight" : "cpu.shares")).toBe(v2 ? "59" : "512");
  expect(file("cpu", path, v2 ? "cpu.max" : "cpu.cfs_quota_us")).toBe(v2 ? "50000 100000" : "50000");
  expect(file("cpuset", path, "cpuset.cpus")).toBe("0");
  expect(file("pids", path, "pids.max")).toBe("20");
});

test("cgroup: limits of a living one can be raised, cut and taken away", () => {
  using inside = made({ memory: { limit: 64 * MiB, swap: 64 * MiB } });
  const limit = () => file("memory", inside.path, v2 ? "memory.max" : "memory.limit_in_bytes");
  for (const size of [256, 32]) {
    cgroup.set(inside.path, { memory: { limit: size * MiB, swap: size * MiB } });
    expect(limit()).toBe(String(size * MiB));
  }
  cgroup.set(inside.path, { cpu: { quota: 20_000, period: 10_000 }, pids: { limit: -1 } });
  expect(file("cpu", inside.path, v2 ? "cpu.max" : "cpu.cfs_period_us")).toBe(v2 ? "20000 10000" : "10000");
  expect(file("pids", inside.path, "pids.max")).toBe("max");
  cgroup.set(inside.path, { memory: { limit: -1, swap: -1 } });
  expect(Number(limit())).not.toBe(32 * MiB);
});

test("cgroup: a process that takes more memory than its limit is killed, and that is known", async () => {
  using inside = made({ memory: { limit: 16 * MiB, swap: 16 * MiB } });
  const hog = inside.sh("exec tail /dev/zero > /dev/null");
  await hog.exited;
  expect(hog.signalCode).toBe("SIGKILL");
  expect(cgroup.oomKilled(inside.path)).toBe(true);
});

test("cgroup: one that ended by itself was not killed for memory", async () => {
  using inside = made({});
  await inside.sh("true").exited;
  expect(cgroup.oomKilled(inside.path)).toBe(false);
});

test("cgroup: a fork bomb stops at the pids limit", async () => {
  using inside = made({ pids: { limit: 5 } });
  const bomb = inside.sh("for i in 1 2 3 4 5 6 7 8 9 10; do sleep 30 2> /dev/null & done; wait");
  expect(await bomb.stderr.text()).toContain("fork");
  expect(cgroup.pids(inside.path).length).toBeLessThanOrEqual(5);
});

test("cgroup: a device that no rule allows cannot be opened, one that is allowed can", async () => {
  using closed = made({ devices: [{ allow: false, access: "rwm" }] });
  const denied = closed.sh("exec 3< /dev/kmsg");
  expect([await denied.exited, await denied.stderr.text()]).toEqual([
    2,
    expect.stringContaining("permitted"),
  ]);
  expect(await closed.sh("head -c 1 /dev/zero > /dev/null").exited).toBe(0);
  using writable = made({
    devices: [
      { allow: false, access: "rwm" },
      { allow: true, type: "c", major: 1, minor: 11, access: "w" },
    ],
  });
  expect(await writable.sh("exec 3> /dev/kmsg").exited).toBe(0);
  expect(await writable.sh("exec 3< /dev/kmsg").exited).toBe(2);
});

test("cgroup: everything is allowed where the rules say so", async () => {
  using inside = made({ devices: [{ allow: true, access: "rwm" }] });
  expect(await inside.sh("exec 3< /dev/kmsg").exited).toBe(0);
});

test("cgroup: frozen processes stand still until they are thawed", async () => {
  using inside = made({});
  const busy = inside.sh("while :; do :; done");
  await until(() => cgroup.stats(inside.path).cpu.total > 0);
  await cgroup.freeze(inside.path);
  const before = cgroup.stats(inside.path).cpu.total;
  await Bun.sleep(50);
  expect(cgroup.stats(inside.path).cpu.total).toBe(before);
  cgroup.thaw(inside.path);
  await until(() => cgroup.stats(inside.path).cpu.total > before);
  await cgroup.kill(inside.path, 9);
  await busy.exited;
});

test("cgroup: a cpu burner gets its quota", async () => {
  using inside = made({ cpu: { quota: 20_000, period: 100_000 } });
  const burner = inside.sh("while :; do :; done");
  await until(() => cgroup.stats(inside.path).cpu.total > 0);
  const [from, started] = [cgroup.stats(inside.path).cpu.total, performance.now()];
  await Bun.sleep(1000);
  const share = (cgroup.stats(inside.path).cpu.total - from) / 1e6 / (performance.now() - started);
  expect(share).toBeGreaterThan(process.env.VM_RUN ? 0.01 : 0.1);
  expect(share).toBeLessThan(0.25);
  expect(cgroup.stats(inside.path).cpu.throttled).toBeGreaterThan(0);
  await cgroup.kill(inside.path, 9);
  await burner.exited;
});

test("cgroup: its numbers are those of its processes", async () => {
  using inside = made({ memory: { limit: 64 * MiB }, pids: { limit: 9 } });
  const sleeper = inside.sh("head -c 1000000 /dev/zero > /dev/null; sleep 30 & sleep 30");
  await until(() => cgroup.pids(inside.path).length === 3);
  const stats = cgroup.stats(inside.path);
  expect(stats.version).toBe(cgroup.version);
  expect(stats.memory.usage).toBeGreaterThan(0);
  expect(stats.memory.limit).toBe(64 * MiB);
  expect(stats.memory.stats[v2 ? "anon" : "total_rss"]).toBeGreaterThan(0);
  expect(stats.pids).toEqual({ current: 3, limit: 9 });
  expect(stats.cpu.total).toBeGreaterThan(0);
  expect(cgroup.pids(inside.path)).toContain(sleeper.pid);
  await cgroup.kill(inside.path, 9);
  await sleeper.exited;
  expect(sleeper.signalCode).toBe("SIGKILL");
});

test("cgroup: deleting waits for the last process and takes what is beneath along; twice is once", async () => {
  const { path, sh } = made({});
  const own = cgroup.create(`${path}/child`, {});
  const below = Bun.spawn([
    "/bin/sh",
    "-c",
    `${own.procs.map((p) => `echo 0 > ${p}`).join(" && ")}; sleep 30`,
  ]);
  const sleeper = v2 ? undefined : sh("sleep 30");
  const all = [below, sleeper].flatMap((process) => process?.pid ?? []);
  await until(() => all.every((pid) => cgroup.pids(path).includes(pid)));
  await cgroup.kill(path, 9);
  await cgroup.delete(path);
  expect(existsSync(`${ROOT}${v2 ? "" : "/pids"}${path}`)).toBe(false);
  await cgroup.delete(path);
  await Promise.all([below.exited, sleeper?.exited]);
});

test("cgroup: one with a living process cannot be deleted, and the error names it", async () => {
  using inside = made({});
  const sleeper = inside.sh("sleep 30");
  await until(() => cgroup.pids(inside.path).length >= 1);
  await expect(cgroup.delete(inside.path)).rejects.toThrow("EBUSY");
  await cgroup.kill(inside.path, 9);
  await sleeper.exited;
});

test("cgroup: a limit that the kernel refuses leaves nothing behind", () => {
  const path = `${PARENT}/bad`;
  expect(() => cgroup.create(path, { cpu: { cpus: "4000" } })).toThrow("cpuset.cpus");
  expect(existsSync(`${ROOT}${v2 ? "" : "/cpuset"}${path}`)).toBe(false);
});

test("cgroup: what a crash left is made anew, what still lives is not taken over", async () => {
  const path = `${PARENT}/again`;
  cgroup.create(path, { pids: { limit: 7 } });
  const { procs } = cgroup.create(path, {});
  expect(file("pids", path, "pids.max")).toBe("max");
  const sleeper = Bun.spawn(["/bin/sh", "-c", `${procs.map((p) => `echo 0 > ${p}`).join(" && ")}; sleep 30`]);
  await until(() => cgroup.pids(path).length >= 1);
  expect(() => cgroup.create(path, {})).toThrow("is in use");
  await cgroup.kill(path, 9);
  await sleeper.exited;
  await cgroup.delete(path);
});
