import { expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bunkerCommand, command, TestDaemon, until } from "../daemon.ts";

setDefaultTimeout(120_000);

const SLEEP = ["busybox", "sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done"];
const states = (daemon: TestDaemon, ...names: string[]): Promise<string> =>
  daemon.ok("inspect", "-f", "{{.Name}} {{.State.Status}}", ...names);

test("a daemon that is told to end stops its containers, and the next one starts those whose policy wants it", async () => {
  await using daemon = await TestDaemon.withBusybox();
  await daemon.ok("run", "-d", "--name", "plain", ...SLEEP);
  await daemon.ok("run", "-d", "--name", "always", "--restart", "always", ...SLEEP);
  await daemon.ok("run", "-d", "--name", "unless", "--restart", "unless-stopped", ...SLEEP);
  await daemon.ok("run", "-d", "--name", "stopped", "--restart", "unless-stopped", ...SLEEP);
  await daemon.ok("create", "--name", "never", "--restart", "always", ...SLEEP);
  await daemon.ok("stop", "stopped");
  const pid = Number(await daemon.ok("inspect", "-f", "{{.State.Pid}}", "plain"));

  expect(await daemon.kill("SIGTERM")).toBe(0);
  expect(existsSync(`/proc/${pid}`)).toBe(false);
  expect([daemon.socket, daemon.pidfile].filter((path) => existsSync(path))).toEqual([]);

  await daemon.launch();
  expect(await states(daemon, "plain", "always", "unless", "stopped", "never")).toBe(
    "/plain exited\n/always running\n/unless running\n/stopped exited\n/never created",
  );
});

test("--live-restore: a daemon that is told to end leaves its containers running, and the next one has them", async () => {
  await using daemon = await TestDaemon.withBusybox("--live-restore");
  await daemon.ok("run", "-d", "--name", "on", ...SLEEP);
  const pid = await daemon.ok("inspect", "-f", "{{.State.Pid}}", "on");
  expect(await daemon.kill("SIGTERM")).toBe(0);
  expect(existsSync(`/proc/${pid}`)).toBe(true);
  await daemon.launch();
  expect(await daemon.ok("inspect", "-f", "{{.State.Pid}} {{.State.Status}}", "on")).toBe(`${pid} running`);
  expect(await daemon.ok("exec", "on", "echo", "hello")).toBe("hello");
});

test("--idle-exit: the daemon stays while a container runs, and ends when nobody needs it", async () => {
  await using daemon = await TestDaemon.withBusybox("--idle-exit", "1");
  await daemon.ok("run", "-d", "--name", "on", ...SLEEP);
  await Bun.sleep(2500);
  expect(await daemon.answers()).toBe(true);
  await daemon.ok("rm", "-f", "on");
  await until(
    "the daemon has ended",
    () => !existsSync(`/proc/${daemon.pid}`) || !existsSync(daemon.pidfile),
  );
  expect(existsSync(daemon.socket)).toBe(false);
});

test("SIGHUP: what may change while running is taken from the file, and told", async () => {
  await using daemon = await TestDaemon.start();
  const file = join(daemon.folder, "daemon.json");
  writeFileSync(file, '{"labels":["a=1"],"registry-mirrors":["http://127.0.0.1:1"]}');
  await daemon.kill("SIGTERM");
  await using second = await TestDaemon.start("--config-file", file);
  const info = async () => (await (await second.api("GET", "/info")).json()) as Record<string, unknown>;
  expect(await info()).toMatchObject({ Labels: ["a=1"], Debug: false });

  writeFileSync(file, '{"labels":["a=2"],"debug":true}');
  process.kill(second.pid, "SIGHUP");
  await until("the new labels are there", async () => String((await info()).Labels) === "a=2");
  expect(await info()).toMatchObject({ Debug: true, RegistryConfig: { Mirrors: null } });
  const events = await second.ok("events", "--since", "1m", "--until", "0s", "--filter", "type=daemon");
  expect(events).toContain("daemon reload");

  writeFileSync(file, "{broken");
  process.kill(second.pid, "SIGHUP");
  await until("the refusal is logged", () => second.log.includes("configuration not reloaded"));
  expect(await info()).toMatchObject({ Labels: ["a=2"] });
});

test("a daemon that cannot start says why in one line and leaves nothing", async () => {
  await using daemon = await TestDaemon.start();
  const own = ["--data-root", join(daemon.folder, "other"), "--exec-root", daemon.execRoot];
  const refused = async (...flags: string[]) => {
    const { code, stderr } = await command([...bunkerCommand(), "daemon", ...own, ...flags]);
    expect(code).toBe(1);
    return stderr.trim().split("\n").at(-1);
  };
  const pidfile = ["--pidfile", join(daemon.folder, "other.pid")];
  expect(await refused(...pidfile, "-H", `unix://${daemon.socket}`)).toContain(
    "another program listens on it",
  );
  expect(existsSync(pidfile[1]!)).toBe(false);
  expect(await refused("--pidfile", daemon.pidfile, "-H", "unix:///tmp/x")).toContain(
    `process with PID ${daemon.pid} is still running`,
  );
  expect(await refused(...pidfile, "-H", "unix:///tmp/x", "--storage-driver", "aufs")).toContain("aufs");
  expect(await refused("--selinux-enabled")).toContain("--selinux-enabled cannot be honoured");
  expect(existsSync("/tmp/x")).toBe(false);
});

test("--validate: the configuration is judged, and nothing is started", async () => {
  const good = await command([...bunkerCommand(), "daemon", "--validate", "--debug"]);
  expect([good.code, good.stdout]).toEqual([0, "configuration OK\n"]);
  const bad = await command([...bunkerCommand(), "daemon", "--validate", "--mtu", "-1"]);
  expect(bad.code).toBe(1);
  expect(bad.stderr).toContain("invalid default MTU: -1");
});
