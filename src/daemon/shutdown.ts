import { messageOf } from "../base/errors.ts";
import type { Container } from "../container/container.ts";
import { stopContainer } from "../jobs/container/stop.ts";
import type { Modules } from "../jobs/needs.ts";

/** What a container gets beyond its own stop timeout before the daemon goes without it. seconds */
const GRACE = 5;

/**
 * How long a shutdown may take: `--shutdown-timeout`, or more when a container's own stop timeout asks for it; Infinity
 * when one may take for ever (moby daemon.ShutdownTimeout). seconds
 */
export function shutdownSeconds(containers: readonly Container[], configured: number): number {
  if (configured < 0) return Number.POSITIVE_INFINITY;
  const wanted = containers.filter((one) => one.running).map(({ stopTimeout }) => stopTimeout);
  if (wanted.some((seconds) => seconds < 0)) return Number.POSITIVE_INFINITY;
  return Math.max(configured, ...wanted.map((seconds) => seconds + GRACE));
}

/** Stops what runs, all at once, each with its own signal and timeout. Restart policies wait for the next daemon. */
export async function stopContainers(m: Modules): Promise<void> {
  m.supervisor.stop();
  const containers = m.containers.list();
  await Promise.all(containers.filter(({ running }) => running).map((container) => stopOne(m, container)));
}

async function stopOne(m: Modules, container: Container): Promise<void> {
  try {
    await stopContainer(m, container, { byUser: false });
  } catch (error) {
    m.log.error("container not stopped", { container: container.id, error: messageOf(error) });
  }
}
