import { codeOf, EngineError, messageOf } from "../../base/errors.ts";
import { announce } from "../../container/announce.ts";
import type { Container } from "../../container/container.ts";
import { notRunning } from "../../container/container.ts";
import { parseSignal } from "../../container/signals.ts";
import { job } from "../../engine/job.ts";
import type { Needs } from "../needs.ts";

export type KillNeeds = Needs<"containers" | "execdriver" | "events" | "supervisor" | "log">;

const SIGKILL = 9;

/** Sends one signal. SIGKILL, the default, is waited for: the container does not run any more when it answers. */
export const containerKill = job(
  "kill",
  async (m: KillNeeds, input: { name: string; signal?: string }): Promise<void> => {
    const container = m.containers.get(input.name);
    try {
      const signal = input.signal ? parseSignal(input.signal) : SIGKILL;
      if (signal !== SIGKILL) await sendSignal(m, container, signal, true);
      else await forceKill(m, container, true);
    } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      throw new EngineError(error.code, `cannot kill container: ${input.name}: ${error.message}`, {
        cause: error,
      });
    }
  },
);

/**
 * Sends a signal and says so. The container's own stop signal ends its restart policy and wakes a paused container, which
 * could not act on it otherwise. Throws `conflict` when it does not run.
 */
export async function sendSignal(
  m: KillNeeds,
  container: Container,
  signal: number,
  byUser: boolean,
): Promise<void> {
  if (!container.running) throw notRunning(container.id);
  const ending = !container.config.StopSignal || signal === SIGKILL || signal === container.stopSignal;
  if (ending) container.exitOnNext = true;
  if (byUser) remember(m, container);
  if (ending && m.supervisor.cancelRestart(container)) return;
  if (!container.process) await container.hold(async () => {}); // a restart is under way
  await m.execdriver.kill(container.id, signal);
  if (ending && container.state.paused) await wake(m, container);
  announce(m.events, container, "kill", { signal: String(signal) });
}

/** SIGKILL, and the end of it. */
export async function forceKill(m: KillNeeds, container: Container, byUser: boolean): Promise<void> {
  if (!container.running) throw notRunning(container.id);
  const ended = m.supervisor.waiters.wait(container, "not-running", new AbortController().signal);
  try {
    await sendSignal(m, container, SIGKILL, byUser);
  } catch (error) {
    // it ended on its own between the question and the signal: what was wanted
    if (codeOf(error) !== "conflict") throw error;
  }
  await ended;
}

/** `unless-stopped` stays down over a restart of the daemon: a promise, so it is on disk. */
function remember(m: KillNeeds, container: Container): void {
  container.state.stoppedByUser = true;
  const policy = container.hostConfig.RestartPolicy?.Name;
  if (policy === "unless-stopped" || policy === "on-failure") m.containers.save(container, { durable: true });
}

async function wake(m: KillNeeds, container: Container): Promise<void> {
  try {
    await m.execdriver.resume(container.id);
    container.state.paused = false;
    m.containers.save(container);
  } catch (error) {
    m.log.warn("a killed container stays paused", { container: container.id, error: messageOf(error) });
  }
}
