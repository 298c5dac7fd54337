import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync } from "node:fs";
import { TestDaemon, until } from "../daemon.ts";

setDefaultTimeout(60_000);

let daemon: TestDaemon;
beforeAll(async () => {
  daemon = await TestDaemon.withBusybox();
});
afterAll(async () => {
  await daemon[Symbol.asyncDispose]();
});

/** A running container that is removed at the end of the block. */
async function running(script: string, ...flags: string[]): Promise<{ id: string } & AsyncDisposable> {
  const id = await daemon.ok("run", "-d", ...flags, "busybox", "sh", "-c", script);
  const remove = async () => {
    await daemon.cli(["rm", "-f", "-v", id]);
  };
  return { id, [Symbol.asyncDispose]: remove };
}

const state = (id: string, field: string) => daemon.ok("inspect", "-f", `{{.State.${field}}}`, id);

describe("stop and kill", () => {
  test("stop: a container that listens ends by its own code, its last words are in the log", async () => {
    await using c = await running("trap 'echo bye; exit 3' TERM; echo ready; while :; do sleep 0.05; done");
    await until("it is ready", async () => (await daemon.ok("logs", c.id)).includes("ready"));
    await daemon.ok("stop", c.id);
    expect(await state(c.id, "ExitCode")).toBe("3");
    expect(await daemon.ok("logs", c.id)).toBe("ready\nbye");
  });

  test("stop: a container that ignores SIGTERM gets SIGKILL after its timeout", async () => {
    await using c = await running("trap '' TERM; while :; do sleep 0.05; done");
    const before = Date.now();
    await daemon.ok("stop", "-t", "1", c.id);
    expect(Date.now() - before).toBeGreaterThan(900);
    expect(await state(c.id, "ExitCode")).toBe("137");
  });

  test("kill: any signal; the container decides what it means", async () => {
    await using c = await running("trap 'echo got it' USR1; echo ready; while :; do sleep 0.05; done");
    await until("it is ready", async () => (await daemon.ok("logs", c.id)).includes("ready"));
    await daemon.ok("kill", "-s", "USR1", c.id);
    await until("the signal came", async () => (await daemon.ok("logs", c.id)).includes("got it"));
    expect(await state(c.id, "Status")).toBe("running");
    await daemon.ok("kill", c.id);
    expect(await daemon.ok("wait", c.id)).toBe("137");
  });

  test("rm refuses a running container, rm -f does not; its files are gone", async () => {
    await using c = await running("sleep 60");
    const refused = await daemon.cli(["rm", c.id]);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain("stop the container before removing or force remove");
    await daemon.ok("rm", "-f", c.id);
    await until("the folder is gone", () => !existsSync(`${daemon.root}/containers/${c.id}`));
  });
});

describe("pause, restart, rename, restart policy", () => {
  test("pause freezes, unpause thaws", async () => {
    await using c = await running("while :; do echo x; sleep 0.02; done");
    await daemon.ok("pause", c.id);
    expect(await state(c.id, "Status")).toBe("paused");
    const frozen = await daemon.ok("logs", c.id);
    await Bun.sleep(300);
    expect(await daemon.ok("logs", c.id)).toBe(frozen);
    expect((await daemon.cli(["exec", c.id, "true"])).stderr).toContain("is paused");
    await daemon.ok("unpause", c.id);
    await until("it writes on", async () => (await daemon.ok("logs", c.id)).length > frozen.length);
  });

  test("restart: another process, the same container, files kept", async () => {
    await using c = await running("echo x >> /count; wc -l < /count; sleep 60");
    const pid = await state(c.id, "Pid");
    await daemon.ok("restart", "-t", "0", c.id);
    expect(await state(c.id, "Pid")).not.toBe(pid);
    await until("the second line", async () => (await daemon.ok("logs", c.id)) === "1\n2");
  });

  test("rename: the old name is free, the new one finds it", async () => {
    await using c = await running("sleep 60", "--name", "before");
    await daemon.ok("rename", "before", "after");
    expect(await daemon.ok("inspect", "-f", "{{.Id}} {{.Name}}", "after")).toBe(`${c.id} /after`);
    expect((await daemon.cli(["inspect", "before"])).code).toBe(1);
  });

  test("--restart on-failure:2 tries twice more and then keeps the code", async () => {
    await using c = await running("echo try; exit 9", "--restart", "on-failure:2");
    await until("it gave up", async () => (await state(c.id, "Status")) === "exited", 20);
    expect(await daemon.ok("logs", c.id)).toBe("try\ntry\ntry");
    expect(await daemon.ok("inspect", "-f", "{{.RestartCount}} {{.State.ExitCode}}", c.id)).toBe("2 9");
  });

  test("a stopped container is started again with start, attached with start -a", async () => {
    const id = await daemon.ok("create", "busybox", "sh", "-c", "echo out; exit 4");
    expect(await daemon.cli(["start", "-a", id])).toMatchObject({ code: 4, stdout: "out\n" });
    await daemon.ok("rm", id);
  });
});

describe("exec", () => {
  test("output, exit code, input, environment, user, working folder", async () => {
    await using c = await running("sleep 60");
    expect(await daemon.cli(["exec", c.id, "sh", "-c", "echo out; echo err >&2; exit 6"])).toEqual({
      code: 6,
      stdout: "out\n",
      stderr: "err\n",
    });
    expect((await daemon.cli(["exec", "-i", c.id, "wc", "-c"], { stdin: "12345" })).stdout.trim()).toBe("5");
    const out = await daemon.ok(
      "exec",
      "-e",
      "A=b",
      "-u",
      "7:8",
      "-w",
      "/etc",
      c.id,
      "sh",
      "-c",
      "echo $A $(id -u) $(id -g) $PWD",
    );
    expect(out).toBe("b 7 8 /etc");
  });

  test("it is in the container's namespaces and cgroup, with its confinement", async () => {
    await using c = await running("sleep 60");
    for (const name of ["pid", "mnt", "uts", "ipc", "net"]) {
      const inside = await daemon.ok("exec", c.id, "readlink", `/proc/1/ns/${name}`);
      expect(await daemon.ok("exec", c.id, "readlink", `/proc/self/ns/${name}`)).toBe(inside);
    }
    const status = await daemon.ok("exec", c.id, "cat", "/proc/self/status");
    expect(status).toContain("CapEff:\t00000000a80425fb");
    expect(status).toContain("Seccomp:\t2");
  });

  test("a missing command is 127, one that cannot be run 126, -t gives a terminal", async () => {
    await using c = await running("sleep 60");
    const missing = await daemon.cli(["exec", c.id, "nonexist"]);
    expect(missing.code).toBe(127);
    expect(missing.stdout).toContain('exec: "nonexist": executable file not found in $PATH');
    expect((await daemon.cli(["exec", c.id, "/etc"])).code).toBe(126);
    expect((await daemon.cli(["exec", "-t", c.id, "tty"])).stdout).toBe("/dev/pts/0\r\n");
  });

  test("exec -d returns at once and runs on", async () => {
    await using c = await running("sleep 60");
    await daemon.ok("exec", "-d", c.id, "sh", "-c", "sleep 0.2; echo done > /flag");
    await until(
      "it has run",
      async () => (await daemon.cli(["exec", c.id, "cat", "/flag"])).stdout === "done\n",
    );
  });
});

describe("looking", () => {
  test("logs: tail, timestamps, since, and following to the end", async () => {
    await using c = await running("for i in 1 2 3 4 5; do echo $i; sleep 0.1; done; echo err >&2");
    expect((await daemon.cli(["logs", "-f", c.id])).stdout).toBe("1\n2\n3\n4\n5\n");
    expect(await daemon.cli(["logs", c.id])).toMatchObject({ stdout: "1\n2\n3\n4\n5\n", stderr: "err\n" });
    expect((await daemon.cli(["logs", "--tail", "2", c.id])).stdout).toBe("5\n");
    const stamped = (await daemon.ok("logs", "-t", c.id)).split("\n");
    expect(stamped[0]).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z 1$/);
    const third = stamped[2]!.split(" ")[0]!;
    expect((await daemon.cli(["logs", "--since", third, c.id])).stdout).toBe("3\n4\n5\n");
  });

  test("ps, top, stats, inspect tell the same container", async () => {
    await using c = await running("sleep 61", "--name", "seen", "-m", "50m");
    expect(await daemon.ok("ps", "--format", "{{.Names}} {{.Image}} {{.State}}")).toBe(
      "seen busybox running",
    );
    expect(await daemon.ok("ps", "-q", "--no-trunc", "--filter", "name=seen")).toBe(c.id);
    expect(await daemon.ok("top", "seen")).toContain("sleep 61");
    expect(
      await daemon.ok("stats", "--no-stream", "--format", "{{.Name}} {{.MemUsage}} {{.PIDs}}", "seen"),
    ).toMatch(/^seen .*\/ 50MiB 1$/);
    expect(await daemon.ok("inspect", "-f", "{{.HostConfig.Memory}}", "seen")).toBe("52428800");
  });

  test("events: what happened, in order", async () => {
    const since = (Date.now() / 1000).toFixed(3);
    await daemon.ok("run", "--rm", "--name", "told", "busybox", "true");
    const until = (Date.now() / 1000 + 0.2).toFixed(3);
    const out = await daemon.ok(
      "events",
      "--since",
      since,
      "--until",
      until,
      "--filter",
      "container=told",
      "--format",
      "{{.Action}}",
    );
    expect(out.split("\n")).toEqual(["create", "attach", "start", "die", "destroy"]);
  });

  test("a tiny log limit rotates, and logs reads over the seam", async () => {
    await using c = await running("seq 1 2000", "--log-opt", "max-size=10k", "--log-opt", "max-file=3");
    await daemon.ok("wait", c.id);
    const numbers = (await daemon.ok("logs", c.id)).split("\n").map(Number);
    expect(numbers.at(-1)).toBe(2000);
    expect(numbers).toEqual(numbers.map((_, index) => 2000 - numbers.length + 1 + index));
    expect(numbers.length).toBeLessThan(2000);
  });
});
