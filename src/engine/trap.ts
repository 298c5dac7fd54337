import { messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";

/** What `trap` needs of a process; `process` is one. */
export interface Trapped {
  on(signal: NodeJS.Signals, listener: () => void): unknown;
  exit(code: number): void;
  readonly env: Readonly<Record<string, string | undefined>>;
}

const NUMBER: Partial<Record<NodeJS.Signals, number>> = { SIGINT: 2, SIGQUIT: 3, SIGTERM: 15 };
const PATIENCE = 3;

/**
 * Docker 1.2's signal trap: the first INT or TERM runs `cleanup` and exits 0, the third one exits 128+n at once.
 * QUIT is as TERM, but exits without cleanup when DEBUG is set in the environment.
 */
export function trap(cleanup: () => Promise<void>, log: Log, target: Trapped = process): void {
  let interrupts = 0;

  const interrupted = async (signal: NodeJS.Signals): Promise<void> => {
    interrupts++;
    log.info("received signal, starting shutdown of bunker", { signal });
    if (interrupts >= PATIENCE) {
      log.warn("force shutdown of bunker, interrupting cleanup");
      target.exit(128 + NUMBER[signal]!);
    }
    if (interrupts > 1) return;
    try {
      await cleanup();
    } catch (error) {
      log.error("cleanup failed", { error: messageOf(error) });
      target.exit(1);
    }
    target.exit(0);
  };

  target.on("SIGINT", () => void interrupted("SIGINT"));
  target.on("SIGTERM", () => void interrupted("SIGTERM"));
  target.on("SIGQUIT", () => {
    if (target.env.DEBUG) target.exit(128 + NUMBER.SIGQUIT!);
    else void interrupted("SIGQUIT");
  });
}
