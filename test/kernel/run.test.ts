import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdtempSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bunkerCommand, command, TestDaemon } from "../daemon.ts";

setDefaultTimeout(60_000);

let daemon: TestDaemon;
beforeAll(async () => {
  daemon = await TestDaemon.withBusybox();
});
afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
});

/** Runs `script` with busybox's shell; flags stand before the image. */
const sh = (script: string, ...flags: string[]) =>
  daemon.cli(["run", "--rm", ...flags, "busybox", "sh", "-c", script]);
/** What it said; it must succeed. */
const said = (script: string, ...flags: string[]) =>
  daemon.ok("run", "--rm", ...flags, "busybox", "sh", "-c", script);

describe("isolation, seen from inside", () => {
  test("a container sees its own processes only and is number 1", async () => {
    expect(await said("echo $$; ls -d /proc/[0-9]* | wc -l")).toMatch(/^1\n[12]$|^1\n3$/);
  });

  test("every namespace is another than the host's", async () => {
    const names = ["pid", "mnt", "uts", "ipc", "net"];
    const inside = (await said(`for n in ${names.join(" ")}; do readlink /proc/self/ns/$n; done`)).split(
      "\n",
    );
    expect(inside).toHaveLength(names.length);
    names.forEach((name, index) => {
      expect(inside[index]).not.toBe(readlinkSync(`/proc/self/ns/${name}`));
    });
  });

  test("the hostname is the short id, and /etc/hosts knows it", async () => {
    const id = await daemon.ok("run", "-d", "busybox", "sh", "-c", "hostname; cat /etc/hosts");
    await daemon.ok("wait", id);
    const [hostname, ...hosts] = (await daemon.ok("logs", id)).split("\n");
    expect(hostname).toBe(id.slice(0, 12));
    expect(hosts.some((line) => line.startsWith("127.0.0.1\tlocalhost"))).toBe(true);
    expect(hosts.some((line) => line.endsWith(`\t${hostname}`))).toBe(true);
    await daemon.ok("rm", id);
  });

  test("its links are lo and eth0, with an address of the bridge's range and a way out", async () => {
    const out = await said("ls /sys/class/net; ip -4 -o addr show eth0; ip route");
    expect(out).toMatch(/^eth0\nlo\n/);
    expect(out).toContain(`inet ${daemon.address.replace(/1$/, "")}`);
    expect(out).toContain(`default via ${daemon.address} dev eth0`);
  });

  test("no mount of the host is seen, and none is made on the host", async () => {
    const before = readFileSync("/proc/self/mountinfo", "utf8");
    const id = await daemon.ok("run", "-d", "busybox", "sleep", "60");
    expect(readFileSync("/proc/self/mountinfo", "utf8")).toBe(before);
    const points = (await daemon.ok("exec", id, "cut", "-d", " ", "-f", "2", "/proc/mounts")).split("\n");
    expect(points).not.toContain(daemon.root);
    for (const point of ["/", "/proc", "/dev", "/sys", "/dev/pts", "/dev/shm", "/dev/mqueue", "/etc/hosts"])
      expect(points).toContain(point);
    await daemon.ok("rm", "-f", id);
  });

  test("capabilities, seccomp, masked and read-only paths are Docker's defaults", async () => {
    const out = await said("grep -E '^(CapEff|CapBnd|CapPrm|Seccomp|NoNewPrivs):' /proc/self/status");
    for (const name of ["CapPrm", "CapEff", "CapBnd"]) expect(out).toContain(`${name}:\t00000000a80425fb`);
    expect(out).toContain("Seccomp:\t2");
    expect(out).toContain("NoNewPrivs:\t0");
    expect((await sh("mount -t tmpfs none /tmp")).stderr).toMatch(/permission denied|not permitted/i);
    expect((await sh("echo 1 > /proc/sys/kernel/panic")).stderr).toContain("Read-only file system");
    expect((await sh("mkdir /sys/fs/cgroup/x /sys/kernel/x")).code).not.toBe(0);
    expect(await said("cat /proc/keys /proc/timer_list | wc -c; ls -A /sys/firmware | wc -l")).toBe("0\n0");
  });

  test("--privileged takes the confinement away", async () => {
    const out = await said(
      "grep -E '^(CapEff|Seccomp):' /proc/self/status; mount -t tmpfs none /tmp && echo mounted",
      "--privileged",
    );
    expect(out).toContain("Seccomp:\t0");
    expect(out).toContain("mounted");
    expect(out).not.toContain("a80425fb");
  });

  test("--cap-drop ALL leaves none, --cap-add gives one back", async () => {
    expect(await said("grep CapEff /proc/self/status", "--cap-drop", "ALL")).toContain("0000000000000000");
    expect(
      await said("grep CapEff /proc/self/status", "--cap-drop", "ALL", "--cap-add", "NET_ADMIN"),
    ).toContain("0000000000001000");
  });
});

describe("limits", () => {
  const limit = (v2: string, v1: string) =>
    `cat /sys/fs/cgroup/${v2} 2>/dev/null || cat /sys/fs/cgroup/${v1}`;

  test("--memory is the cgroup's limit; what takes more is killed with 137 and OOMKilled", async () => {
    expect(await said(limit("memory.max", "memory/memory.limit_in_bytes"), "-m", "32m")).toBe("33554432");
    const id = await daemon.ok(
      "run",
      "-d",
      "-m",
      "16m",
      "busybox",
      "sh",
      "-c",
      "x=a; while :; do x=$x$x; done",
    );
    expect(await daemon.ok("wait", id)).toBe("137");
    expect(await daemon.ok("inspect", "-f", "{{.State.OOMKilled}} {{.State.ExitCode}}", id)).toBe("true 137");
    await daemon.ok("rm", id);
  });

  test("--pids-limit holds a fork bomb", async () => {
    const { stderr } = await sh(
      "for i in 1 2 3 4 5 6 7 8 9 10; do sleep 5 & done; wait",
      "--pids-limit",
      "5",
    );
    expect(stderr).toContain("can't fork");
  });

  test("--cpus is a quota of the period", async () => {
    const out = await said(limit("cpu.max", "cpu/cpu.cfs_quota_us"), "--cpus", "0.5");
    expect(out.split(" ")[0]).toBe("50000");
  });

  test("--ulimit and --shm-size", async () => {
    expect(
      await said("ulimit -n; df -k /dev/shm | tail -1", "--ulimit", "nofile=77", "--shm-size", "8m"),
    ).toMatch(/^77\nshm +8192 /);
  });
});

describe("what comes in and goes out", () => {
  test("stdout and stderr stay apart", async () => {
    expect(await sh("echo out; echo err >&2")).toEqual({ code: 0, stdout: "out\n", stderr: "err\n" });
  });

  test("-i: a megabyte goes in, its end is seen, and it comes back unchanged", async () => {
    const text = Array.from({ length: 20_000 }, (_, n) => `line ${n} ${"x".repeat(40)}`).join("\n");
    const { code, stdout } = await daemon.cli(["run", "--rm", "-i", "busybox", "cat"], { stdin: text });
    expect(code).toBe(0);
    expect(stdout === text).toBe(true);
  });

  test("without -i there is nothing to read", async () => {
    expect((await daemon.cli(["run", "--rm", "busybox", "cat"], { stdin: "unseen" })).stdout).toBe("");
  });

  test("-t: the process has a terminal, lines end with return and newline, output is one stream", async () => {
    const { code, stdout } = await sh("tty; echo err >&2; test -t 0 && test -t 1 && echo yes", "-t");
    expect(code).toBe(0);
    expect(stdout).toBe("/dev/pts/0\r\nerr\r\nyes\r\n");
  });

  test("-it from a terminal: typed input arrives, the size is the terminal's", async () => {
    const run = [...bunkerCommand(), "run", "--rm", "-it", "busybox", "sh"].join(" ");
    const { stdout } = await command(["script", "-qec", `stty rows 33 cols 99; ${run}`, "/dev/null"], {
      stdin: "stty size\necho $((6 * 7)) $TERM\nexit 5\n",
      env: daemon.env,
    });
    expect(stdout).toContain("33 99");
    expect(stdout).toContain("42 xterm");
  });

  test("twenty containers at a time each give their own output", async () => {
    const numbers = Array.from({ length: 20 }, (_, n) => n);
    const outputs = await Promise.all(numbers.map((n) => said(`echo ${n}`)));
    expect(outputs).toEqual(numbers.map(String));
  });
});

describe("exit codes", () => {
  test("the process's own", async () => {
    expect((await sh("exit 42")).code).toBe(42);
  });
  test("128 + n for a signal", async () => {
    expect((await sh("sh -c 'kill -9 $$'; exit $?")).code).toBe(137);
    expect((await sh("kill -TERM $$", "--init")).code).toBe(143);
  });
  test("127 for a command that is not there, 126 for one that cannot be run", async () => {
    const missing = await daemon.cli(["run", "--rm", "busybox", "nonexist"]);
    expect(missing.code).toBe(127);
    expect(missing.stderr).toContain('exec: "nonexist": executable file not found in $PATH');
    const folder = await daemon.cli(["run", "--rm", "busybox", "/etc"]);
    expect(folder.code).toBe(126);
    expect(folder.stderr).toContain('exec: "/etc"');
  });
  test("a start that failed leaves no container with --rm, and one that is Created without", async () => {
    await daemon.cli(["run", "--rm", "--name", "gone", "busybox", "nonexist"]);
    expect((await daemon.cli(["inspect", "gone"])).code).toBe(1);
    await daemon.cli(["run", "--name", "kept", "busybox", "nonexist"]);
    expect(await daemon.ok("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "kept")).toBe(
      "created 127",
    );
    await daemon.ok("rm", "kept");
  });
});

describe("flags of run", () => {
  test("-e, -w, --hostname, --entrypoint, --user", async () => {
    expect(
      await said(
        "echo $A-$B; pwd; hostname",
        "-e",
        "A=1",
        "-e",
        "B=two words",
        "-w",
        "/new/folder",
        "-h",
        "box",
      ),
    ).toBe("1-two words\n/new/folder\nbox");
    expect(await daemon.ok("run", "--rm", "--entrypoint", "echo", "busybox", "entry")).toBe("entry");
    expect(await said("id", "-u", "1234:55")).toContain("uid=1234 gid=55");
    expect(await said("id", "-u", "nobody")).toContain("uid=65534(nobody)");
  });

  test("-v: a folder of the host, read-only when said so, and a named volume that outlives the container", async () => {
    const folder = mkdtempSync(join(tmpdir(), "bk-bind-"));
    writeFileSync(join(folder, "in"), "from the host");
    expect(await said("cat /data/in; echo back > /data/out", "-v", `${folder}:/data`)).toBe("from the host");
    expect(readFileSync(join(folder, "out"), "utf8")).toBe("back\n");
    expect((await sh("echo x > /data/in", "-v", `${folder}:/data:ro`)).stderr).toContain(
      "Read-only file system",
    );
    rmSync(folder, { recursive: true });

    await said("echo kept > /v/file", "-v", "named:/v");
    expect(await said("cat /v/file", "-v", "named:/v")).toBe("kept");
  });

  test("--read-only with --tmpfs", async () => {
    const { stdout, stderr } = await sh(
      "echo x > /file; echo y > /t/file; cat /t/file",
      "--read-only",
      "--tmpfs",
      "/t:size=1m",
    );
    expect(stderr).toContain("Read-only file system");
    expect(stdout).toBe("y\n");
  });

  test("--network none, host, container:X", async () => {
    expect(await said("ls /sys/class/net", "--network", "none")).toBe("lo");
    const host = await said("readlink /proc/self/ns/net; hostname", "--network", "host");
    expect(host.split("\n")[0]).toBe(readlinkSync("/proc/self/ns/net"));
    const id = await daemon.ok("run", "-d", "busybox", "sleep", "60");
    const theirs = await daemon.ok("exec", id, "readlink", "/proc/self/ns/net");
    expect(await said("readlink /proc/self/ns/net", "--network", `container:${id}`)).toBe(theirs);
    await daemon.ok("rm", "-f", id);
  });

  test("--init: process 1 is not the command, and it reaps orphans", async () => {
    expect(
      await said(
        "(sh -c 'sleep 0.01 &' ); sleep 0.1; ps -o stat,args | grep -c '^Z'; test $$ != 1 && echo reaped",
        "--init",
      ),
    ).toContain("reaped");
  });

  test("the image hello is there without a pull", async () => {
    expect(await daemon.ok("run", "--rm", "hello")).toContain("Hello from a container");
  });
});
