import { expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { TestDaemon, until } from "../daemon.ts";

setDefaultTimeout(120_000);

const MANY = Array.from({ length: 20 }, (_, n) => `c${n}`);

/** Writes a line each 50 ms, says `bye` on SIGTERM and ends with 7. */
const TALK = "trap 'echo bye; exit 7' TERM; n=0; while :; do n=$((n+1)); echo line $n; sleep 0.05; done";

async function runMany(daemon: TestDaemon): Promise<void> {
  await Promise.all(MANY.map((name) => daemon.ok("run", "-d", "--name", name, "busybox", "sh", "-c", TALK)));
}

const pidsOf = async (daemon: TestDaemon): Promise<string[]> =>
  (await daemon.ok("inspect", "-f", "{{.Name}} {{.State.Status}} {{.State.Pid}}", ...MANY)).split("\n");

const lines = (log: string): number[] => [...log.matchAll(/^line (\d+)$/gm)].map(([, n]) => Number(n));

test("a daemon killed with 20 running containers: they live on, and the next one has them with logs, exec, exit codes", async () => {
  await using daemon = await TestDaemon.withBusybox();
  await runMany(daemon);
  const before = await pidsOf(daemon);
  const written = lines(await daemon.ok("logs", "c0")).length;

  expect(await daemon.kill("SIGKILL")).toBe(137);
  for (const line of before) process.kill(Number(line.split(" ")[2]), 0); // throws when it has gone
  await Bun.sleep(500); // the containers write on while nobody is there

  await daemon.launch();
  expect(await pidsOf(daemon)).toEqual(before);
  const log = lines(await daemon.ok("logs", "c0"));
  expect(log.length).toBeGreaterThan(written + 5);
  expect(log).toEqual(log.map((_, index) => index + 1)); // no line lost, none twice

  expect(await daemon.ok("exec", "c1", "echo", "hello")).toBe("hello");
  await daemon.ok("stop", ...MANY);
  const codes = await daemon.ok("inspect", "-f", "{{.State.ExitCode}}", ...MANY);
  expect(new Set(codes.split("\n"))).toEqual(new Set(["7"]));
  expect(await daemon.ok("logs", "--tail", "1", "c19")).toBe("bye");
});

test("what ended while no daemon was there keeps its exit code, its time and its last words", async () => {
  await using daemon = await TestDaemon.withBusybox();
  const id = await daemon.ok("run", "-d", "busybox", "sh", "-c", "sleep 1; echo last words; exit 33");
  const killed = await daemon.ok("run", "-d", "busybox", "sleep", "60");
  const pid = Number(await daemon.ok("inspect", "-f", "{{.State.Pid}}", killed));
  await daemon.kill("SIGKILL");
  process.kill(pid, "SIGKILL");
  const state = () => readdirSync(join(daemon.execRoot), { recursive: true, encoding: "utf8" });
  const between = Date.now() + 1500;
  await until("both monitors have written their exit", () => Date.now() > between && state().length > 0);

  await daemon.launch();
  expect(await daemon.ok("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", id)).toBe("exited 33");
  expect(await daemon.ok("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", killed)).toBe(
    "exited 137",
  );
  const finished = Date.parse(await daemon.ok("inspect", "-f", "{{.State.FinishedAt}}", id));
  expect(finished).toBeLessThan(between);
  expect(await daemon.ok("logs", id)).toBe("last words");
  expect(await daemon.ok("wait", id)).toBe("33");
});

test("attach and a published port work again after the restart, and --rm is remembered", async () => {
  await using daemon = await TestDaemon.withBusybox();
  const web = await daemon.ok(
    "run",
    "-d",
    "-p",
    "127.0.0.1::80",
    "busybox",
    "sh",
    "-c",
    "echo page > /index.html; httpd -f -h /",
  );
  const port = (
    await daemon.ok("inspect", "-f", '{{(index (index .NetworkSettings.Ports "80/tcp") 0).HostPort}}', web)
  ).trim();
  const get = async () => (await fetch(`http://127.0.0.1:${port}/index.html`)).text();
  await until("the page is served", async () => (await get().catch(() => "")) === "page\n");
  const gone = await daemon.ok("run", "-d", "--rm", "busybox", "sleep", "1");
  // not `run -d -i`: there, as in Docker, the end of an attached input ends what is shown
  const echo = await daemon.ok("create", "-i", "busybox", "cat");
  await daemon.ok("start", echo);

  await daemon.kill("SIGKILL");
  expect(await get()).toBe("page\n"); // the rules are the kernel's, not the daemon's
  await Bun.sleep(1500);
  await daemon.launch();

  expect(await get()).toBe("page\n");
  await until("the --rm container is removed", async () => (await daemon.cli(["inspect", gone])).code === 1);
  const attached = await daemon.cli(["attach", echo], { stdin: "over the new daemon\n" });
  expect(attached).toMatchObject({ code: 0, stdout: "over the new daemon\n" });
});

test("a daemon killed in the middle of twenty starts leaves nothing that the next one cannot remove", async () => {
  await using daemon = await TestDaemon.withBusybox();
  const starts = MANY.map((name) => daemon.cli(["run", "-d", "--name", name, "busybox", "sleep", "60"]));
  await Bun.sleep(60);
  await daemon.kill("SIGKILL");
  await Promise.all(starts);
  await daemon.launch();
  const states = await daemon.ok("ps", "-a", "--format", "{{.State}}");
  for (const state of states.split("\n").filter(Boolean))
    expect(["running", "created", "exited"]).toContain(state);
  const left = await daemon.ok("ps", "-aq");
  if (left !== "") await daemon.ok("rm", "-f", ...left.split("\n"));
});
