import { codeOf, EngineError } from "../../base/errors.ts";
import { announce } from "../../container/announce.ts";
import type { Container } from "../../container/container.ts";
import { parseSignal } from "../../container/signals.ts";
import { job } from "../../engine/job.ts";
import type { Needs } from "../needs.ts";
import { forceKill, type KillNeeds, sendSignal } from "./kill.ts";

/** `timeout` in seconds; negative waits for ever. Unset: the container's own. */
export interface StopInput {
  name: string;
  timeout?: number;
  signal?: string;
}

export const containerStop = job("stop", async (m: KillNeeds, input: StopInput): Promise<void> => {
  const container = m.containers.get(input.name);
  const signal = input.signal ? parseSignal(input.signal) : undefined;
  if (!container.running) throw new EngineError("unmodified", "container is already stopped");
  await stopContainer(m, container, { signal, seconds: input.timeout });
});

/** A signal that could not be sent leaves so long until SIGKILL. seconds */
const SHORT_PATIENCE = 2;

/**
 * After it the container does not run: its signal, its grace, then SIGKILL. `byUser` says whether `unless-stopped` is to
 * remember it; a daemon that shuts down is none.
 */
export async function stopContainer(
  m: KillNeeds,
  container: Container,
  { signal = container.stopSignal, seconds = container.stopTimeout, byUser = true }: StopOptions = {},
): Promise<void> {
  const ended = ends(m, container);
  let grace = seconds;
  try {
    await sendSignal(m, container, signal, byUser);
  } catch (error) {
    if (codeOf(error) === "conflict") return; // it has ended by itself
    grace = SHORT_PATIENCE;
  }
  if (!(await within(ended, grace))) await forceKill(m, container, byUser);
  await ended;
  announce(m.events, container, "stop");
}

export interface StopOptions {
  signal?: number;
  seconds?: number;
  byUser?: boolean;
}

/** Resolves when the container does not run any more. */
const ends = (m: Needs<"supervisor">, container: Container): Promise<unknown> =>
  m.supervisor.waiters.wait(container, "not-running", new AbortController().signal);

/** True when it came within so many seconds; negative waits for ever. */
export async function within(event: Promise<unknown>, seconds: number): Promise<boolean> {
  if (seconds < 0) return event.then(() => true);
  const late = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => late.resolve(false), seconds * 1000);
  try {
    return await Promise.race([event.then(() => true), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
