import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bunkerCommand, command, TestDaemon } from "../daemon.ts";

setDefaultTimeout(60_000);

let daemon: TestDaemon;
let scratch: string;
beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), "bk-bad-"));
  daemon = await TestDaemon.withBusybox();
});
afterAll(async () => {
  rmSync(scratch, { recursive: true });
  await daemon[Symbol.asyncDispose]();
});

/** Arguments, exit code, and what the words must hold (Docker's, asked of Docker 28.5). */
const REFUSED: readonly (readonly [string, number, string])[] = [
  ["run --nope busybox true", 125, "unknown flag: --nope"],
  ["nosuchverb", 1, "unknown command"],
  ["run", 1, "requires at least 1 argument"],
  ["run --rm -e", 125, "flag needs an argument: 'e' in -e"],
  ["run --rm busybox nonexist", 127, 'exec: "nonexist": executable file not found in $PATH'],
  ["run --rm busybox /etc", 126, 'exec: "/etc"'],
  [
    "run --rm -w relative busybox true",
    125,
    "the working directory 'relative' is invalid, it needs to be an absolute path",
  ],
  [
    "run --rm -u nosuchuser busybox true",
    125,
    "unable to find user nosuchuser: no matching entries in passwd file",
  ],
  ["run --rm --memory 1m busybox true", 125, "Minimum memory limit allowed is 6MB"],
  ["run --rm -m 99x busybox true", 125, 'invalid argument "99x" for "-m, --memory" flag'],
  ["run --rm --cap-add NOPE busybox true", 125, 'unknown capability: "CAP_NOPE"'],
  ["run --rm -v relative/x:/y busybox true", 125, "includes invalid characters for a local volume name"],
  ["run --rm -v /tmp:y busybox true", 125, "mount path must be absolute"],
  ["run --restart sometimes busybox true", 125, "unknown policy 'sometimes'"],
  [
    "run --rm --restart always busybox true",
    125,
    "conflicting options: cannot specify both --restart and --rm",
  ],
  ["run --rm --network nosuch busybox true", 125, "network nosuch not found"],
  ["run --rm --network container:nosuch busybox true", 125, "No such container: nosuch"],
  ["stop nosuch", 1, "Error response from daemon: No such container: nosuch"],
  ["exec nosuch true", 1, "Error response from daemon: No such container: nosuch"],
  ["logs nosuch", 1, "Error response from daemon: No such container: nosuch"],
  ["rmi nosuch", 1, "Error response from daemon: No such image: nosuch:latest"],
  ["inspect nosuch", 1, "No such object: nosuch"],
  ["kill -s NOPE nosuch", 1, "nosuch"],
  ["load -i /nonexistent.tar", 1, "no such file or directory"],
  ["run --rm 127.0.0.1:9/nothing/there true", 125, "127.0.0.1:9"],
];

describe("refused in one line, with Docker's exit code and words, and nothing left behind", () => {
  test.each(REFUSED.map((row) => [...row]))("bunker %s", async (line, code, words) => {
    const result = await daemon.cli(line.split(" "));
    expect(result.stderr).toContain(words);
    expect(result.code).toBe(code);
    expect(result.stderr).not.toMatch(/\n\s+at |undefined|\[object/);
    const left = await daemon.ok("ps", "-aq");
    if (left !== "") await daemon.ok("rm", "-f", ...left.split("\n"));
  });

  test("a name that is taken", async () => {
    const id = await daemon.ok("create", "--name", "twice", "busybox");
    const { code, stderr } = await daemon.cli(["run", "--name", "twice", "busybox", "true"]);
    expect(code).toBe(125);
    expect(stderr).toContain(`Conflict. The container name "/twice" is already in use by container "${id}"`);
    await daemon.ok("rm", "twice");
  });

  test("a port that another container has, and one that another program has", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const port = (server.address() as { port: number }).port;
    const foreign = await daemon.cli(["run", "--rm", "-p", `127.0.0.1:${port}:80`, "busybox", "true"]);
    expect(foreign.code).toBe(125);
    expect(foreign.stderr).toMatch(new RegExp(`127.0.0.1:${port}.*address already in use`));
    await new Promise((resolve) => server.close(resolve));

    await daemon.ok("run", "-d", "--name", "has", "-p", `127.0.0.1:${port}:80`, "busybox", "sleep", "60");
    const second = await daemon.cli([
      "run",
      "--name",
      "wants",
      "-p",
      `127.0.0.1:${port}:80`,
      "busybox",
      "true",
    ]);
    expect(second.code).toBe(125);
    expect(second.stderr).toContain(`Bind for 127.0.0.1:${port} failed: port is already allocated`);
    await daemon.ok("rm", "-f", "has", "wants");
  });

  test("an archive that is none, one that is cut short, and a folder", async () => {
    const junk = join(scratch, "junk.tar");
    writeFileSync(junk, "junk");
    const cut = join(scratch, "cut.tar");
    const { busyboxArchive } = await import("../busybox.ts");
    writeFileSync(cut, (await Bun.file(await busyboxArchive()).bytes()).subarray(0, 700_000));
    for (const path of [junk, cut, scratch]) {
      const { code, stderr, stdout } = await daemon.cli(["load", "-i", path]);
      expect({ path, code }).toEqual({ path, code: 1 });
      expect((stderr + stdout).trim().split("\n")).toHaveLength(1);
      expect(stderr).not.toMatch(/\n\s+at /);
    }
    expect((await daemon.ok("images", "-q")).split("\n")).toHaveLength(1);
  });
});

describe("the daemon refuses to start, in one line", () => {
  const daemonWith = (...flags: string[]) =>
    command([...bunkerCommand(), "daemon", ...flags], { timeoutSeconds: 15, env: { BUNKER_TEST: scratch } });

  test("a second one over the same root", async () => {
    const { code, stderr } = await daemonWith(
      ...["--data-root", daemon.root, "--exec-root", join(scratch, "e"), "--pidfile", join(scratch, "p")],
      ...["-H", `unix://${join(scratch, "s")}`, "--bridge", "none"],
    );
    expect(code).toBe(1);
    expect(stderr.trim().split("\n").pop()).toMatch(/lock|already|another/i);
    expect(await daemon.answers()).toBe(true);
  });

  test("a socket on which another program listens is not taken away", async () => {
    const socket = join(scratch, "theirs");
    const server = createServer((connection) => connection.end()).listen(socket);
    await new Promise((resolve) => server.once("listening", resolve));
    const { code, stderr } = await daemonWith(
      ...[
        "--data-root",
        join(scratch, "r"),
        "--exec-root",
        join(scratch, "e"),
        "--pidfile",
        join(scratch, "p"),
      ],
      ...["-H", `unix://${socket}`, "--bridge", "none"],
    );
    expect(code).toBe(1);
    expect(stderr).toContain(socket);
    expect(server.listening).toBe(true);
    await new Promise((resolve) => server.close(resolve));
  });

  test("an unknown flag, a file where the root should be, a broken configuration file", async () => {
    const flag = await daemonWith("--nope");
    expect(flag.code).toBe(125);
    expect(flag.stderr).toContain("unknown flag: --nope");

    writeFileSync(join(scratch, "file"), "");
    const file = await daemonWith(
      "--data-root",
      join(scratch, "file"),
      "--bridge",
      "none",
      "-H",
      `unix://${join(scratch, "s")}`,
      "--pidfile",
      join(scratch, "p"),
      "--exec-root",
      join(scratch, "e"),
    );
    expect(file.code).toBe(1);
    expect(file.stderr).toContain(join(scratch, "file"));

    mkdirSync(join(scratch, "etc"));
    writeFileSync(join(scratch, "etc/daemon.json"), "{");
    const config = await daemonWith("--config-file", join(scratch, "etc/daemon.json"));
    expect(config.code).toBe(1);
    expect(config.stderr).toContain("daemon.json");
  });

  test("without root", async () => {
    const { code, stderr } = await command(
      [
        "setpriv",
        "--reuid=65534",
        "--regid=65534",
        "--clear-groups",
        ...bunkerCommand(),
        "daemon",
        "-H",
        `unix:///tmp/nobody-${process.pid}`,
      ],
      { timeoutSeconds: 15 },
    );
    expect(code).toBe(1);
    expect(stderr.trim().split("\n")).toHaveLength(1);
    expect(stderr).toMatch(/root/);
  });
});

test("a client whose daemon is not there says so and what to do", async () => {
  const { code, stderr } = await command([...bunkerCommand(), "ps"], {
    env: { DOCKER_HOST: `unix://${join(scratch, "nobody")}` },
  });
  expect(code).toBe(1);
  expect(stderr).toContain(`unix://${join(scratch, "nobody")}`);
});
