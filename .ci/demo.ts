/**
 * `npm run demo`: a daemon of its own with its own root, socket, bridge and range; real containers; what they saw from
 * inside; and nothing left behind.
 */
import { TestDaemon } from "../test/daemon.ts";

const BOLD = process.stdout.isTTY ? "\x1b[1m" : "";
const PLAIN = process.stdout.isTTY ? "\x1b[0m" : "";

if (process.getuid?.() !== 0) {
  console.error("demo: containers need root here; please run it as root");
  process.exit(1);
}

const started = performance.now();
const daemon = await TestDaemon.start();
console.log(`\nA daemon was started on ${daemon.socket} in ${Math.round(performance.now() - started)} ms.`);
let failed = false;
try {
  await show("run", "--rm", "--memory", "64m", "hello");
  if (await busybox()) {
    await show("run", "--rm", "busybox", "ps");
    await show("run", "--rm", "--network", "none", "--cpus", "0.5", "busybox", "ip", "addr");
    await show("run", "-d", "--name", "web", "-p", "127.0.0.1::80", "busybox", "httpd", "-f", "-h", "/bin");
    await show("ps");
    await show("exec", "web", "hostname");
    await page();
    await show("rm", "-f", "web");
  }
} catch (error) {
  failed = true;
  console.error(error instanceof Error ? error.message : error);
}
await daemon[Symbol.asyncDispose]();
console.log(
  failed
    ? "\nThe demo failed."
    : "\nDone. The daemon has ended, and mounts, links, rules, cgroups and files are as they were.",
);
process.exit(failed ? 1 : 0);

/** Prints the command and what it said; throws when it fails. */
async function show(...args: string[]): Promise<void> {
  console.log(`\n${BOLD}$ bunker ${args.join(" ")}${PLAIN}`);
  const before = performance.now();
  const { code, stdout, stderr } = await daemon.cli(args);
  process.stdout.write(stdout + stderr);
  if (code !== 0) throw new Error(`bunker ${args[0]} ended with ${code}`);
  console.log(`(${Math.round(performance.now() - before)} ms)`);
}

/** The published port, asked from the host. */
async function page(): Promise<void> {
  const template = '{{(index (index .NetworkSettings.Ports "80/tcp") 0).HostPort}}';
  const url = `http://127.0.0.1:${await daemon.ok("inspect", "-f", template, "web")}/busybox`;
  const answer = await fetch(url);
  console.log(
    `\n${BOLD}$ curl ${url}${PLAIN}  # from the host\n${answer.status}, ${(await answer.bytes()).length} bytes`,
  );
}

/** An image made from this machine's own busybox, where it is installed. */
async function busybox(): Promise<boolean> {
  const { busyboxArchive } = await import("../test/busybox.ts");
  const archive = await busyboxArchive().catch(() => undefined);
  if (archive) await show("load", "-i", archive);
  else console.log("\n(busybox-static is not installed: no more than hello to show)");
  return archive !== undefined;
}
