import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readFileSync, readlinkSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { hostFacts } from "../../src/container/facts.ts";
import { MASKED_PATHS, READONLY_PATHS } from "../../src/container/profile.ts";
import { TestDaemon, until } from "../daemon.ts";
import { ABIS, fates, probeProgram } from "../probe.ts";

setDefaultTimeout(120_000);

const EPERM = "1";
const ENOSYS = "38";
const v2 = hostFacts().cgroup === 2;

let daemon: TestDaemon;
let probe: string;
beforeAll(async () => {
  probe = await probeProgram();
  daemon = await TestDaemon.withBusybox();
});
afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
});

/** Runs `script` with busybox's shell; flags stand before the image. */
const sh = (script: string, ...flags: string[]) =>
  daemon.cli(["run", "--rm", "--network", "none", ...flags, "busybox", "sh", "-c", script]);
/** What it said; it must succeed. */
const said = (script: string, ...flags: string[]) =>
  daemon.ok("run", "--rm", "--network", "none", ...flags, "busybox", "sh", "-c", script);
const probed = (args: readonly string[], ...flags: string[]) =>
  daemon.ok(
    "run",
    "--rm",
    "--network",
    "none",
    "-v",
    `${probe}:/probe:ro`,
    ...flags,
    "busybox",
    "/probe",
    ...args,
  );
/** The errno of one system call by its x86-64 number. */
const call = async (nr: number, args: readonly (number | string)[], ...flags: string[]) =>
  (await probed(["call", String(nr), ...args.map(String)], ...flags)).split(" ")[1];

describe("system calls", () => {
  test.each(ABIS.map((abi) => [...abi]))(
    "ABI %s: what the profile denies fails, all else is as without it",
    async (abi, _arch, last) => {
      const confined = fates(await probed(["fates", abi as string, "0", String(last)]));
      const free = fates(
        await probed(["fates", abi as string, "0", String(last)], "--security-opt", "seccomp=unconfined"),
      );
      const changed = [...confined].filter(([nr, fate]) => fate !== free.get(nr));
      expect(confined.size).toBe(last as number);
      expect(changed.length).toBeGreaterThan(abi === "x32" ? -1 : 20);
      for (const [nr, fate] of changed) expect([nr, fate]).toEqual([nr, expect.stringMatching(/^(1|38)$/)]);
    },
  );

  const CLONE_NEWUSER = 0x10000000;
  test.each<[string, number, (number | string)[], string]>([
    ["a vsock socket", 41, [40, 1, 0], EPERM],
    ["a socket of the kernel's crypto", 41, [38, 5, 0], EPERM],
    ["a user namespace by unshare", 272, [CLONE_NEWUSER], EPERM],
    ["a user namespace by clone", 56, [CLONE_NEWUSER | 17], EPERM],
    ["clone3, so that libc falls back to clone", 435, [0, 0], ENOSYS],
    ["a foreign personality", 135, [0x0040000], EPERM],
    ["the kernel's keyring", 250, [0, -3, 0], EPERM],
    ["bpf", 321, [0, 0, 0], EPERM],
    ["io_uring", 425, [1, 0], EPERM],
    ["userfaultfd", 323, [0], EPERM],
    ["open_by_handle_at", 304, [-1, 0, 0], EPERM],
    ["a kernel module", 175, [0, 0, 0], EPERM],
    ["kexec", 246, [0, 0, 0, 0], EPERM],
    ["mount", 165, [0, 0, 0, 0, 0], EPERM],
    ["pivot_root", 155, [0, 0], EPERM],
    ["setns", 308, [0, 0], EPERM],
    ["a new system call that nobody knows yet", 500, [], ENOSYS],
  ])("%s is refused", async (_what, nr, args, errno) => {
    expect(await call(nr, args)).toBe(errno);
  });

  test("an ordinary socket and the default personality are not", async () => {
    expect(await call(41, [1, 1, 0])).toBe("0");
    expect(await call(135, [0])).toBe("0");
  });

  test("a capability opens the calls that it stands for", async () => {
    expect(await call(272, [0x4000000], "--cap-add", "SYS_ADMIN")).toBe("0");
    expect(await call(304, [-1, 0, 0], "--cap-add", "DAC_READ_SEARCH")).not.toBe(EPERM);
  });

  test("a profile of one's own takes the place of the default one", async () => {
    const file = join(daemon.folder, "profile.json");
    const rule = { names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 28 };
    writeFileSync(file, JSON.stringify({ defaultAction: "SCMP_ACT_ALLOW", syscalls: [rule] }));
    const { code, stderr } = await sh("mkdir /x", "--security-opt", `seccomp=${file}`);
    expect([code, stderr]).toEqual([1, expect.stringContaining("No space left on device")]);
  });
});

describe("what a process is", () => {
  const status = (...flags: string[]) =>
    said(
      "grep -E '^(Cap|NoNewPrivs|Seccomp:|Groups)' /proc/self/status; cat /proc/self/oom_score_adj; umask",
      ...flags,
    );

  test("root has Docker's capabilities and no inheritable or ambient ones", async () => {
    const lines = (await status()).split("\n");
    for (const name of ["CapPrm", "CapEff", "CapBnd"]) expect(lines).toContain(`${name}:\t00000000a80425fb`);
    for (const name of ["CapInh", "CapAmb"]) expect(lines).toContain(`${name}:\t0000000000000000`);
    expect(lines.slice(-2)).toEqual(["0", "0022"]);
  });

  test("another user has none, and root's only as a bound", async () => {
    const lines = (await status("-u", "1000:1000")).split("\n");
    for (const name of ["CapPrm", "CapEff", "CapInh", "CapAmb"])
      expect(lines).toContain(`${name}:\t0000000000000000`);
    expect(lines).toContain("CapBnd:\t00000000a80425fb");
    expect(lines).toContain("Groups:\t1000 ");
  });

  test("no-new-privileges holds, and an exec has what its container has", async () => {
    expect(await status("--security-opt", "no-new-privileges")).toContain("NoNewPrivs:\t1");
    const id = await daemon.ok(
      "run",
      "-d",
      "--cap-drop",
      "CHOWN",
      "--oom-score-adj",
      "77",
      "busybox",
      "sleep",
      "60",
    );
    const inside = await daemon.ok("exec", id, "sh", "-c", "cat /proc/self/status /proc/self/oom_score_adj");
    expect(inside).toContain("CapEff:\t00000000a80425fa");
    expect(inside).toContain("Seccomp:\t2");
    expect(inside).toEndWith("77");
    expect(
      readFileSync(
        `/proc/${await daemon.ok("inspect", "-f", "{{.State.Pid}}", id)}/oom_score_adj`,
        "utf8",
      ).trim(),
    ).toBe("77");
    await daemon.ok("rm", "-f", id);
  });
});

describe("paths", () => {
  test("masked ones are empty", async () => {
    const script = `for p in ${MASKED_PATHS.join(" ")}; do if [ -d $p ]; then ls -A $p; elif [ -e $p ]; then cat $p; fi; done`;
    expect(await said(script)).toBe("");
  });

  test("read-only ones cannot be written, nor made writable, nor laid bare", async () => {
    for (const path of READONLY_PATHS.filter(existsSync)) {
      const target = path === "/proc/sys" ? "/proc/sys/kernel/core_pattern" : path;
      expect(await sh(`echo b > ${target}`)).toMatchObject({ code: 1 });
      expect(await sh(`mount -o remount,rw ${path}; umount ${path} && echo bare`)).toMatchObject({
        stdout: "",
      });
    }
  });

  test("the host's kernel cannot be told anything through /proc or /sys", async () => {
    for (const file of [
      "/proc/sysrq-trigger",
      "/proc/sys/kernel/hostname",
      "/proc/sys/vm/overcommit_memory",
      "/sys/power/state",
    ])
      if (existsSync(file)) expect((await sh(`echo 0 > ${file}`)).code).not.toBe(0);
    expect((await sh("mkdir /sys/fs/cgroup/x /sys/fs/cgroup/memory/x")).code).not.toBe(0);
  });

  test("cgroup v1's release agent cannot be reached", async () => {
    const script = "mkdir -p /m && mount -t cgroup -o memory cgroup /m && echo escaped";
    expect((await sh(script)).stdout).toBe("");
    expect((await sh(`unshare -UrmC sh -c '${script}'`)).stdout).toBe("");
  });

  test("a masked file is no way to the node that masks it", async () => {
    const mode = statSync("/dev/null").mode;
    const { code, stderr } = await sh("chmod 0640 /proc/keys");
    expect([code, stderr]).toEqual([1, expect.stringContaining("Read-only file system")]);
    expect(statSync("/dev/null").mode).toBe(mode);
  });

  test("systempaths=unconfined lays them bare", async () => {
    const flags = ["--security-opt", "systempaths=unconfined"];
    expect(await said("cat /proc/timer_list | head -n 1", ...flags)).not.toBe("");
  });
});

describe("devices", () => {
  const disk = "mknod /d b 254 0 || mknod /d b 8 0; head -c 1 /d";

  test("/dev has Docker's nodes and no others", async () => {
    expect((await said("ls /dev")).split("\n")).toEqual(
      "core fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero"
        .split(" ")
        .filter((name) => name !== "core" || existsSync("/proc/kcore")),
    );
  });

  test("a node of the host's disk can be made but not opened", async () => {
    const { code, stderr } = await sh(disk);
    expect([code, stderr]).toEqual([1, expect.stringContaining("Operation not permitted")]);
  });

  test("--device and --device-cgroup-rule open one, as far as they say", async () => {
    const reader = ["--cap-add", "SYSLOG"];
    const device = [...reader, "--device", "/dev/kmsg:/dev/k:r"];
    expect(await said("head -c 1 /dev/k | wc -c; ls -l /dev/k", ...device)).toMatch(/^1\n.* 1, +11 /);
    expect((await sh("echo x > /dev/k", ...device)).stderr).toContain("not permitted");
    expect((await sh("mknod /k c 1 11; head -c 1 /k", ...reader)).stderr).toContain("not permitted");
    expect(
      await said("mknod /k c 1 11; head -c 1 /k | wc -c", ...reader, "--device-cgroup-rule", "c 1:11 r"),
    ).toBe("1");
    const { code, stderr } = await sh("true", "--device", "/dev/nonesuch");
    expect([code, stderr]).toEqual([127, expect.stringContaining("no such file or directory")]);
  });

  test("--privileged sees all of the host's", async () => {
    expect(await said("head -c 1 /dev/kmsg | wc -c", "--privileged")).toBe("1");
  });
});

describe("limits", () => {
  const file = (legacy: string, unified: string) => `cat /sys/fs/cgroup/${v2 ? unified : legacy}`;

  test("memory and swap, and half of it as a reservation", async () => {
    const flags = ["-m", "64m", "--memory-swap", "96m", "--memory-reservation", "32m"];
    const swap = await said(file("memory/memory.memsw.limit_in_bytes", "memory.swap.max"), ...flags);
    expect(swap).toBe(String((v2 ? 32 : 96) * 2 ** 20));
    const low = await said(file("memory/memory.soft_limit_in_bytes", "memory.low"), ...flags);
    expect(low).toBe(String(32 * 2 ** 20));
  });

  test("a memory hog ends with 137 and OOMKilled, and its event is told", async () => {
    const since = String(Date.now() / 1000 - 1);
    const id = await daemon.ok("run", "-d", "-m", "16m", "busybox", "sh", "-c", "tail /dev/zero > /x");
    await daemon.ok("wait", id);
    expect(await daemon.ok("inspect", "-f", "{{.State.OOMKilled}}", id)).toBe("true");
    const events = await daemon.ok("events", "--since", since, "--until", String(Date.now() / 1000 + 1));
    expect(events).toContain("container oom");
    await daemon.ok("rm", id);
  });

  test("cpu shares, cpuset and pids", async () => {
    const flags = ["--cpu-shares", "512", "--cpuset-cpus", "0", "--pids-limit", "33"];
    expect(await said(file("cpu/cpu.shares", "cpu.weight"), ...flags)).toBe(v2 ? "59" : "512");
    expect(await said("grep Cpus_allowed_list /proc/self/status", ...flags)).toEndWith("\t0");
    expect(await said(file("pids/pids.max", "pids.max"), ...flags)).toBe("33");
  });

  test("a cpu burner gets its quota", async () => {
    const id = await daemon.ok("run", "-d", "--cpus", "0.2", "busybox", "sh", "-c", "while :; do :; done");
    const pid = await daemon.ok("inspect", "-f", "{{.State.Pid}}", id);
    const ticks = () => Number(readFileSync(`/proc/${pid}/stat`, "utf8").split(" ")[13]);
    await until("the burner runs", () => ticks() > 0);
    const [from, since] = [ticks(), performance.now()];
    await until("a second has passed", () => performance.now() - since > 1000);
    const share = ((ticks() - from) * 10) / (performance.now() - since);
    expect(share).toBeLessThan(0.25);
    expect(share).toBeGreaterThan(0.1);
    await daemon.ok("rm", "-f", id);
  });

  test("what cannot be is refused before anything is made", async () => {
    for (const [flags, words] of [
      [["-m", "4m"], "Minimum memory limit allowed is 6MB"],
      [["--cpus", "1000"], "range of CPUs is from 0.01"],
      [["--cap-add", "NONSENSE"], "unknown capability"],
      [["--sysctl", "kernel.panic=1"], "not"],
    ] as const) {
      const { code, stderr } = await sh("true", ...flags);
      expect([code, stderr]).toEqual([125, expect.stringContaining(words)]);
    }
    expect(await daemon.ok("ps", "-aq")).toBe("");
  });
});

describe("namespaces", () => {
  test("those of the host, when they are asked for", async () => {
    for (const [flag, name] of [
      ["--pid", "pid"],
      ["--ipc", "ipc"],
      ["--uts", "uts"],
      ["--cgroupns", "cgroup"],
    ] as const)
      expect(await said(`readlink /proc/self/ns/${name}`, flag, "host")).toBe(
        readlinkSync(`/proc/self/ns/${name}`),
      );
  });

  test("a private cgroup namespace shows the container as the root", async () => {
    expect(await said("cut -d: -f3 /proc/self/cgroup | sort -u", "--cgroupns", "private")).toBe("/");
  });

  test("--sysctl sets what is the container's own", async () => {
    const inside = "cat /proc/sys/kernel/shmmax /proc/sys/net/ipv4/ip_unprivileged_port_start";
    expect(await said(inside, "--sysctl", "kernel.shmmax=123456")).toBe("123456\n0");
  });
});
