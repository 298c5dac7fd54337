import type { RestartPolicy } from "../api/container_config.ts";

const FIRST_MS = 100;
const MOST_MS = 60_000;
/** A run of at least this long counts as a success: the delay begins anew. */
const GOOD_RUN_MS = 10_000;

/** Whether a container that ended with `exitCode` is to run again. Docker's `restartmanager.ShouldRestart`. */
export function shouldRestart(
  policy: RestartPolicy | undefined,
  run: { exitCode: number; restartCount: number; stoppedByUser: boolean },
): boolean {
  switch (policy?.Name) {
    case "always":
      return true;
    case "unless-stopped":
      return !run.stoppedByUser;
    case "on-failure": {
      const most = policy.MaximumRetryCount ?? 0;
      return run.exitCode !== 0 && !run.stoppedByUser && (most === 0 || run.restartCount < most);
    }
    default:
      return false;
  }
}

/** The wait before the next restart: 100 ms, doubled each time up to a minute, from the start again after a good run. milliseconds */
export const nextDelay = (last: number | undefined, ranMs: number): number =>
  last === undefined || ranMs >= GOOD_RUN_MS ? FIRST_MS : Math.min(last * 2, MOST_MS);
