import { fs } from "../base/node.ts";
import { ConnectError, Wire } from "../client/wire.ts";
import type { App } from "./app.ts";

/** seconds that an engine nobody needs stays */
const IDLE_EXIT = 30;
const PATIENCE = 10_000;

/** Does the first call of a verb; when no daemon answers at the usual place, starts one and does it again. */
export async function withDaemon<T>(app: App, first: () => Promise<T>): Promise<T> {
  try {
    return await first();
  } catch (error) {
    if (!(error instanceof ConnectError) || app.hostIsNamed) throw error;
    await startDaemon(app, error);
    return first();
  }
}

/**
 * Starts `bunker daemon --idle-exit` of our own executable in a session of its own and waits until it accepts. Two at
 * once are no harm: the second daemon finds the first's lock and leaves, and both clients use the one that is there.
 * BUNKER_DAEMON_ARGS adds flags (`--data-root /x --exec-root /y`). Throws `refused` with the reason when it cannot.
 */
async function startDaemon(app: App, refused: ConnectError): Promise<void> {
  const { address } = app.client.transport;
  if (address.kind !== "unix" || (refused.reason !== "ENOENT" && refused.reason !== "ECONNREFUSED"))
    throw refused;
  if (process.getuid?.() !== 0)
    throw new Error(
      `${refused.message}\nStarting one needs root: run this with sudo, or ask for 'sudo bunker daemon'.`,
    );
  const log = logFile();
  const { BUN_BE_BUN: _, BUN_OPTIONS: __, ...env } = process.env;
  const extra = (env.BUNKER_DAEMON_ARGS ?? "").split(/\s+/).filter(Boolean);
  const child = Bun.spawn(
    [...ourselves(), "daemon", "--idle-exit", String(IDLE_EXIT), "-H", `unix://${address.path}`, ...extra],
    { detached: true, stdin: "ignore", stdout: log.fd, stderr: log.fd, env, cwd: "/" },
  );
  child.unref();
  await waitFor(app, child, log.path);
}

/** Compiled we are one file; from source it is bun and the main file. */
function ourselves(): string[] {
  const main = process.argv[1] ?? "";
  return main.startsWith("/$bunfs/") ? [process.execPath] : [process.execPath, main];
}

function logFile(): { fd: number; path: string } {
  const path = "/run/bunker-daemon.log";
  return { fd: fs().openSync(path, "a", 0o600), path };
}

async function waitFor(app: App, child: Bun.Subprocess, log: string): Promise<void> {
  const end = performance.now() + PATIENCE;
  let pause = 1;
  for (;;) {
    try {
      (await Wire.open(app.client.transport.address)).close();
      return;
    } catch (error) {
      if (!(error instanceof ConnectError)) throw error;
    }
    // One that ended may have found another at work: that one's socket is what counts, until the time is over.
    const patience = child.exitCode === null ? end : end - PATIENCE * 0.8;
    if (performance.now() > patience)
      throw new Error(`the daemon that was started for this command did not come up: see ${log}`);
    await Bun.sleep(pause);
    pause = Math.min(pause * 1.5, 25);
  }
}
