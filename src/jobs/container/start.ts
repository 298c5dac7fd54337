import { messageOf } from "../../base/errors.ts";
import { Undo } from "../../base/undo.ts";
import { nowNanos, rfc3339 } from "../../base/units.ts";
import { announce } from "../../container/announce.ts";
import { logOptions } from "../../container/check.ts";
import type { Container, TraceStep } from "../../container/container.ts";
import { specOf } from "../../container/spec.ts";
import { job } from "../../engine/job.ts";
import { type Process, StartError, type Stdio } from "../../execdriver/driver.ts";
import type { Needs } from "../needs.ts";
import { joinNetwork, leaveNetworks } from "./network.ts";
import { discard } from "./remove.ts";
import { specInput } from "./spec_input.ts";
import { tellMounts, tellUnmounts } from "./volumes.ts";

export type StartNeeds = Needs<
  "containers" | "layers" | "volumes" | "networks" | "execdriver" | "events" | "supervisor" | "host" | "log"
>;

const SIGKILL = 9;

export const containerStart = job("start", async (m: StartNeeds, input: { name: string }): Promise<void> => {
  const container = m.containers.get(input.name);
  container.mayStart();
  m.supervisor.cancelRestart(container);
  await startContainer(m, container);
});

/** What a user's start is: counters and delays of the restart policy begin anew. */
export async function startContainer(m: StartNeeds, container: Container): Promise<void> {
  await container.hold(async () => {
    container.mayStart();
    m.supervisor.resetDelay(container);
    container.exitOnNext = false;
    container.state.restartCount = 0;
    await launch(m, container);
  });
}

/** What the restart policy does. A stop that came meanwhile wins. */
export async function startAgain(m: StartNeeds, container: Container): Promise<void> {
  await container.hold(async () => {
    if (!container.state.restarting) return;
    if (container.exitOnNext) {
      container.failed(container.state.exitCode, "");
      m.containers.save(container);
      m.supervisor.waiters.exited(container);
      return;
    }
    await launch(m, container);
  });
}

/** The container runs when it returns. On error nothing is left of the attempt but its reason in the state. */
async function launch(m: StartNeeds, container: Container): Promise<void> {
  const undo = new Undo(m.log);
  try {
    await undo.around(() => run(m, container, undo));
  } catch (error) {
    container.failed(exitCodeOf(error), messageOf(error));
    m.containers.save(container, { durable: true });
    if (container.autoRemove)
      void discard(m, container, { volumes: true }).catch((failure: unknown) =>
        m.log.error("automatic removal failed", { container: container.id, error: messageOf(failure) }),
      );
    throw error;
  }
}

async function run(m: StartNeeds, container: Container, undo: Undo): Promise<void> {
  const trace = stopwatch();
  await m.supervisor.settled(container);
  const rootfs = m.layers.rootfs(container.id, { volatile: container.autoRemove });
  trace.lap("rootfs");
  tellMounts(m, container);
  undo.push("tell of unmounted volumes", () => tellUnmounts(m, container));
  const sandbox = await joinNetwork(m, container);
  undo.push("leave the network", () => leaveNetworks(m, container));
  trace.lap("network");
  let process: Process;
  try {
    const spec = specOf(specInput(m, container, rootfs, sandbox));
    trace.lap("spec");
    const waiting = container.pending.splice(0);
    undo.push("keep attachments", () => container.pending.unshift(...waiting));
    process = await m.execdriver.run({
      id: container.id,
      spec,
      rootfs,
      netns: sandbox.netns,
      stdio: stdioOf(
        container,
        waiting.map(({ streams }) => streams),
      ),
      trace: trace.note,
    });
    undo.push("end the process", () => m.execdriver.kill(container.id, SIGKILL));
    for (const [index, pending] of waiting.entries()) pending.ready(process.attached[index]!);
  } finally {
    sandbox.close();
  }
  trace.lap("run");
  container.started(process, rfc3339(nowNanos()));
  container.traces = true;
  container.trace = trace.steps;
  m.supervisor.watch(container, process);
  m.containers.save(container);
  announce(m.events, container, "start");
  trace.lap("record");
}

/** The streams of a container as its config wants them, and its log. */
export function stdioOf(container: Container, attach: Stdio["attach"]): Stdio {
  const { Tty: tty = false, OpenStdin: openStdin = false, StdinOnce: stdinOnce = false } = container.config;
  const log = logOptions(container.hostConfig.LogConfig);
  return {
    tty,
    openStdin,
    stdinOnce,
    ...(log.kind === "json-file"
      ? { log: { path: container.logPath, maxSize: log.maxSize, maxFiles: log.maxFiles } }
      : {}),
    attach,
  };
}

/** 127 no such command, 126 not executable, 128 anything else: what `run` ends with. */
export const exitCodeOf = (error: unknown): number => (error instanceof StartError ? error.exitCode : 128);

interface Stopwatch {
  readonly steps: TraceStep[];
  /** Ends a step: the time since the last one. */
  lap(step: string): void;
  /** A step that somebody else timed. */
  note(step: string, micros: number): void;
}

function stopwatch(): Stopwatch {
  const steps: TraceStep[] = [];
  let last = performance.now();
  return {
    steps,
    lap: (step) => {
      const now = performance.now();
      steps.push({ step, micros: Math.round((now - last) * 1000) });
      last = now;
    },
    note: (step, micros) => void steps.push({ step: `  ${step}`, micros: Math.round(micros) }),
  };
}
