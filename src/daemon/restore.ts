import { messageOf } from "../base/errors.ts";
import { nowNanos, rfc3339 } from "../base/units.ts";
import type { Container } from "../container/container.ts";
import { shouldRestart } from "../container/restart.ts";
import type { Process } from "../execdriver/driver.ts";
import { discard } from "../jobs/container/remove.ts";
import { startContainer } from "../jobs/container/start.ts";
import type { Modules } from "../jobs/needs.ts";

/** So many containers are started at a time when the daemon comes up. */
const AT_ONCE = 8;

/**
 * Takes up what an earlier daemon left: running containers are adopted with their logs and exit codes, those that ended
 * meanwhile are recorded, half-removed ones are removed, and restart policies start theirs.
 */
export async function restore(m: Modules): Promise<void> {
  const containers = m.containers.list();
  const lost: Container[] = [];
  await m.execdriver.sweep(new Set(containers.map(({ id }) => id)));
  await Promise.all(containers.map(async (container) => (await adopt(m, container)) || lost.push(container)));
  const running = containers.filter((container) => container.process);
  await m.networks.restore(new Set(running.map(({ id }) => id)));
  for (const container of running) m.supervisor.watch(container, container.process!);
  for (const container of lost) if (container.running) await m.supervisor.lost(container);
  await each(containers.filter(leftOver), (container) =>
    attempt(m, container, "removal", () => discard(m, container)),
  );
  await each(containers.filter(wantsStart), (container) =>
    attempt(m, container, "restart", () => startContainer(m, container)),
  );
}

/** True when a run of the container was found that is still to be watched: it lives, or nobody saw its end. */
async function adopt(m: Modules, container: Container): Promise<boolean> {
  try {
    const process = await m.execdriver.adopt(container.id, { tty: container.config.Tty ?? false });
    if (!process) return false;
    if (container.running) container.process = process;
    else if (await isRecorded(container, process)) await m.execdriver.delete(container.id);
    // the daemon died between the start and its record
    else container.started(process, rfc3339(nowNanos()));
    return container.process !== undefined;
  } catch (error) {
    m.log.error("container not adopted", { container: container.id, error: messageOf(error) });
    return false;
  }
}

/** It ended, and that end is what the container's state tells: only its remains were not cleaned up. */
async function isRecorded(container: Container, { pid, exited }: Process): Promise<boolean> {
  return pid === 0 && rfc3339((await exited).at) === container.state.finishedAt;
}

/** Its removal was under way, or `--rm` was promised and nobody was there to keep it. */
const leftOver = ({ state, autoRemove, neverStarted }: Container): boolean =>
  state.removing || state.dead || (autoRemove && !state.running && !neverStarted);

/** Ended, and its policy wants it up whenever the daemon is; one that was never started stays so. */
const wantsStart = (container: Container): boolean =>
  !container.running &&
  !container.neverStarted &&
  !leftOver(container) &&
  shouldRestart(container.hostConfig.RestartPolicy, { ...container.state, restartCount: 0 });

async function attempt(
  m: Modules,
  container: Container,
  what: string,
  body: () => Promise<void>,
): Promise<void> {
  try {
    await body();
  } catch (error) {
    m.log.error(`${what} failed`, { container: container.id, error: messageOf(error) });
  }
}

async function each<T>(items: readonly T[], body: (item: T) => Promise<void>): Promise<void> {
  const rest = items.values();
  const worker = async () => {
    for (const item of rest) await body(item);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}
