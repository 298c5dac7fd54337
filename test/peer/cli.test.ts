import { afterAll, afterEach, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { type CommandOptions, command, TestDaemon, until } from "../daemon.ts";

setDefaultTimeout(60_000);

/** Docker's own command line: the machine's, or what .ci/setup unpacked. */
const DOCKER = Bun.which("docker");
if (!DOCKER) console.warn("skipped: no docker command line on this machine (.ci/setup test looks for one)");

let daemon: TestDaemon;
beforeAll(async () => {
  if (DOCKER) daemon = await TestDaemon.withBusybox();
});
afterEach(async () => {
  const left = daemon ? await daemon.ok("ps", "-aq") : "";
  if (left !== "") await daemon.ok("rm", "-f", ...left.split("\n"));
});
afterAll(async () => {
  await daemon?.[Symbol.asyncDispose]();
});

const docker = (args: readonly string[], options: CommandOptions = {}) =>
  command([DOCKER!, ...args], { ...options, env: { ...daemon.env, DOCKER_CONFIG: daemon.folder } });
const ok = async (...args: string[]): Promise<string> => {
  const { code, stdout, stderr } = await docker(args);
  if (code !== 0) throw new Error(`docker ${args.join(" ")} ended with ${code}: ${stderr}`);
  return stdout.trimEnd();
};

describe.skipIf(!DOCKER)("Docker's command line against our socket", () => {
  test("version and info name both sides", async () => {
    expect(await ok("version", "--format", "{{.Server.Version}} {{.Server.Os}}/{{.Server.Arch}}")).toMatch(
      /^0\.1\.0\S* linux\/amd64$/,
    );
    expect(await ok("info", "--format", "{{.Driver}} {{.CgroupVersion}} {{.ServerErrors}}")).toMatch(
      /^(overlay2|vfs) [12] \[\]$/,
    );
  });

  test("run: output, error output, exit code, input", async () => {
    expect(await docker(["run", "--rm", "busybox", "sh", "-c", "echo out; echo err >&2; exit 9"])).toEqual({
      code: 9,
      stdout: "out\n",
      stderr: "err\n",
    });
    expect(
      (
        await docker(["run", "--rm", "-i", "busybox", "wc", "-c"], { stdin: "x".repeat(100_000) })
      ).stdout.trim(),
    ).toBe("100000");
    expect((await docker(["run", "--rm", "busybox", "nonexist"])).code).toBe(127);
    expect((await docker(["run", "--rm", "busybox", "/etc"])).code).toBe(126);
  });

  test("run -it in a terminal of its own", async () => {
    const line = `stty rows 31 cols 91; ${DOCKER} run --rm -it busybox sh`;
    const { stdout } = await command(["script", "-qec", line, "/dev/null"], {
      // an older command line sends the size only when the shell runs already
      stdin: "until stty size 2>/dev/null | grep -q '31 91'; do sleep 0.02; done; stty size; tty\nexit 5\n",
      env: { ...daemon.env, DOCKER_CONFIG: daemon.folder },
    });
    expect(stdout).toContain("\n31 91\r\n/dev/pts/0\r\n");
  });

  test("exec, exec -it, and what they end with", async () => {
    const id = await ok("run", "-d", "busybox", "sleep", "60");
    expect(await docker(["exec", id, "sh", "-c", "echo hi; exit 3"])).toMatchObject({
      code: 3,
      stdout: "hi\n",
    });
    expect((await docker(["exec", "-i", id, "cat"], { stdin: "through" })).stdout).toBe("through");
    const { stdout } = await command(
      ["script", "-qec", `${DOCKER} exec -it ${id} sh -c 'tty; echo $((40+2))'`, "/dev/null"],
      {
        env: { ...daemon.env, DOCKER_CONFIG: daemon.folder },
      },
    );
    // script(1) passes the end of its own input on as a NUL, which the terminal shows as ^@
    expect(stdout.replaceAll("^@", "")).toBe("/dev/pts/0\r\n42\r\n");
    expect((await docker(["exec", id, "nonexist"])).code).toBe(127);
    await ok("rm", "-f", id);
  });

  test("logs -f ends with the container; --tail, --timestamps", async () => {
    const id = await ok("run", "-d", "busybox", "sh", "-c", "for i in 1 2 3; do echo $i; sleep 0.2; done");
    expect((await docker(["logs", "-f", id])).stdout).toBe("1\n2\n3\n");
    expect(await ok("logs", "--tail", "1", id)).toBe("3");
    expect(await ok("logs", "-t", "--tail", "1", id)).toMatch(/^\d{4}-\S+Z 3$/);
    await ok("rm", id);
  });

  test("ps and inspect show what was asked for", async () => {
    const id = await ok(
      "run",
      "-d",
      "--name",
      "web",
      "-l",
      "a=b",
      "-m",
      "64m",
      "-p",
      "127.0.0.1::80",
      "busybox",
      "httpd",
      "-f",
    );
    expect(await ok("ps", "--no-trunc", "--format", "{{.ID}} {{.Names}} {{.Image}} {{.State}}")).toBe(
      `${id} web busybox running`,
    );
    expect(await ok("ps", "-q", "--filter", "label=a=b")).toBe(id.slice(0, 12));
    const [inspected] = JSON.parse(await ok("inspect", "web"));
    expect(inspected.Name).toBe("/web");
    expect(inspected.HostConfig.Memory).toBe(64 * 2 ** 20);
    expect(inspected.State.Running).toBe(true);
    expect(await ok("port", "web", "80")).toMatch(/^127\.0\.0\.1:\d+$/);
    await ok("stop", "-t", "0", "web");
    expect(await ok("ps", "-a", "--format", "{{.Status}}")).toMatch(/^Exited \(137\) .* ago$/);
    await ok("rm", "web");
  });

  test("create, start, attach, wait, kill, restart, pause, rename, top, stats, events, images", async () => {
    const since = (Date.now() / 1000).toFixed(3);
    const id = await ok(
      "create",
      "--name",
      "all",
      "busybox",
      "sh",
      "-c",
      "trap 'exit 5' TERM; while :; do sleep 0.05; done",
    );
    await ok("start", "all");
    await ok("pause", "all");
    expect(await ok("inspect", "-f", "{{.State.Status}}", "all")).toBe("paused");
    await ok("unpause", "all");
    await ok("rename", "all", "one");
    expect(await ok("top", "one")).toContain("trap 'exit 5' TERM");
    expect(await ok("stats", "--no-stream", "--format", "{{.Name}}", "one")).toBe("one");
    await ok("restart", "-t", "1", "one");
    const waiting = ok("wait", "one");
    await until("it runs", async () => (await ok("inspect", "-f", "{{.State.Running}}", "one")) === "true");
    await ok("kill", "one");
    expect(await waiting).toBe("137");
    const actions = await ok(
      "events",
      "--since",
      since,
      "--until",
      (Date.now() / 1000).toFixed(3),
      "--filter",
      `container=${id}`,
      "--format",
      "{{.Action}}",
    );
    for (const action of ["create", "start", "pause", "unpause", "rename", "restart", "kill", "die"])
      expect(actions.split("\n")).toContain(action);
    await ok("rm", "one");
    expect(await ok("images", "--format", "{{.Repository}}:{{.Tag}}")).toContain("busybox:latest");
    expect(await ok("history", "-q", "busybox")).not.toBe("");
    await ok("tag", "busybox", "other:tag");
    await ok("rmi", "other:tag");
  });

  test("its errors are told as Docker tells them", async () => {
    expect(await docker(["stop", "nosuch"])).toMatchObject({
      code: 1,
      stderr: "Error response from daemon: No such container: nosuch\n",
    });
    expect((await docker(["rmi", "nosuch"])).stderr).toContain("No such image: nosuch");
    await ok("create", "--name", "twice", "busybox");
    expect((await docker(["create", "--name", "twice", "busybox"])).stderr).toContain(
      'Conflict. The container name "/twice" is already in use',
    );
    await ok("rm", "twice");
  });

  test("volumes and networks are listed", async () => {
    await ok("run", "--rm", "-v", "data:/d", "busybox", "touch", "/d/file");
    expect(await ok("volume", "ls", "-q")).toBe("data");
    expect((await ok("network", "ls", "--format", "{{.Name}} {{.Driver}}")).split("\n").sort()).toEqual([
      "bridge bridge",
      "host host",
      "none null",
    ]);
    await ok("volume", "rm", "data");
  });
});
