import { messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { nowNanos, rfc3339 } from "../base/units.ts";
import type { Events } from "../events/events.ts";
import type { ExecDriver, Exit, Process } from "../execdriver/driver.ts";
import { announce } from "./announce.ts";
import type { Container } from "./container.ts";
import { nextDelay, shouldRestart } from "./restart.ts";
import type { Containers } from "./store.ts";
import { Waiters } from "./waiters.ts";

/** What the supervisor has others do, since it imports no job. `jobs/container/supervision.ts` is all three. */
export interface Supervision {
  /** Gives back what a run held beside its process: addresses, published ports. Does not throw. */
  leave(container: Container): Promise<void>;
  /** Starts it once more, as its restart policy wants. On error its state says why. */
  again(container: Container): Promise<void>;
  /** Removes an `AutoRemove` container that has ended. */
  remove(container: Container): Promise<void>;
}

export interface SupervisorParts {
  readonly containers: Containers;
  readonly events: Events;
  readonly execdriver: ExecDriver;
  readonly log: Log;
}

/** Docker's monitor: sees each exit once, records it, tells it, and does what the restart policy or `--rm` asks. */
export class Supervisor {
  readonly waiters = new Waiters();
  readonly #parts: SupervisorParts;
  readonly #does: Supervision;
  readonly #delays = new Map<string, number>();
  readonly #timers = new Map<string, ReturnType<typeof setTimeout>>();
  readonly #cleaning = new Map<string, Promise<void>>();
  readonly #kept = new Set<string>();
  #stopping = false;

  constructor(parts: SupervisorParts, does: Supervision) {
    this.#parts = parts;
    this.#does = does;
  }

  /** Answers for this run from now on. */
  watch(container: Container, process: Process): void {
    void process.exited
      .then((exit) => container.hold(() => this.#ended(container, process, exit)))
      .catch((error: unknown) =>
        this.#parts.log.error("exit not recorded", { container: container.id, error: messageOf(error) }),
      );
  }

  /** Resolves when nothing is left of an earlier run of this container: a new one may begin. */
  async settled(container: Container): Promise<void> {
    await this.#cleaning.get(container.id);
    if (!container.traces) return;
    await this.#parts.execdriver.delete(container.id);
    container.traces = false;
  }

  /** Takes back in the background what a removed container still holds, after its last run has been cleaned up. */
  afterRemoval(container: Container, body: () => Promise<void>): void {
    this.#background(container, async () => {
      await this.settled(container);
      await body();
    });
  }

  /** Resolves when all that was going on in the background is done. */
  async idle(): Promise<void> {
    while (this.#cleaning.size > 0) await Promise.all(this.#cleaning.values());
  }

  /** The delays of the restart policy begin anew: a user starts the container. */
  resetDelay(container: Container): void {
    this.#delays.delete(container.id);
  }

  /** A container that waits for its restart stays down. False when it does not wait. */
  cancelRestart(container: Container): boolean {
    const timer = this.#timers.get(container.id);
    if (timer === undefined) return false;
    clearTimeout(timer);
    this.#timers.delete(container.id);
    Object.assign(container.state, { running: false, restarting: false });
    this.#parts.containers.save(container);
    this.waiters.exited(container);
    return true;
  }

  /** No restart from now on: the daemon ends. What waited for one is found and started by the next daemon. */
  stop(): void {
    this.#stopping = true;
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }

  /** Runs `body` during which an exit does not remove an `AutoRemove` container: a restart. */
  async keeping<T>(container: Container, body: () => Promise<T>): Promise<T> {
    this.#kept.add(container.id);
    try {
      return await body();
    } finally {
      this.#kept.delete(container.id);
    }
  }

  /** The container is gone: tells who waited for that. */
  removed(container: Container): void {
    this.#delays.delete(container.id);
    for (const pending of container.pending.splice(0)) pending.dropped();
    this.waiters.removed(container);
  }

  async #ended(container: Container, process: Process, exit: Exit): Promise<void> {
    if (container.process !== process) return;
    const { containers, events } = this.#parts;
    const { state } = container;
    const ranMs = Number(exit.at / 1_000_000n) - Date.parse(state.startedAt);
    const again = this.#wantsRestart(container, exit.code);
    await this.#does.leave(container);
    container.exited(exit, rfc3339(exit.at), again);
    if (again) state.restartCount++;
    const policy = container.hostConfig.RestartPolicy?.Name;
    containers.save(container, { durable: state.stoppedByUser && !!policy && policy !== "no" });
    if (exit.oomKilled) announce(events, container, "oom");
    announce(events, container, "die", {
      exitCode: String(exit.code),
      execDuration: String(Math.max(0, Math.floor(ranMs / 1000))),
    });
    this.#clean(container);
    this.waiters.exited(container);
    if (again) this.#schedule(container, ranMs);
    else if (container.autoRemove && !this.#kept.has(container.id)) this.#remove(container);
  }

  #wantsRestart(container: Container, exitCode: number): boolean {
    if (this.#stopping || container.exitOnNext || container.state.removing) return false;
    const { restartCount, stoppedByUser } = container.state;
    return shouldRestart(container.hostConfig.RestartPolicy, { exitCode, restartCount, stoppedByUser });
  }

  #schedule(container: Container, ranMs: number): void {
    const delay = nextDelay(this.#delays.get(container.id), ranMs);
    this.#delays.set(container.id, delay);
    this.#timers.set(
      container.id,
      setTimeout(() => {
        this.#timers.delete(container.id);
        this.#does.again(container).catch((error: unknown) => {
          this.#parts.log.error("restart failed", { container: container.id, error: messageOf(error) });
          this.waiters.exited(container);
        });
      }, delay),
    );
  }

  /** cgroups and the monitor's state go in the background: nobody waits for them but the next start. */
  #clean(container: Container): void {
    this.#background(container, async () => {
      await this.#parts.execdriver.delete(container.id);
      container.traces = false;
    });
  }

  #background(container: Container, body: () => Promise<void>): void {
    const cleaning = body()
      .catch((error: unknown) =>
        this.#parts.log.warn("not cleaned up", { container: container.id, error: messageOf(error) }),
      )
      .finally(() => {
        if (this.#cleaning.get(container.id) === cleaning) this.#cleaning.delete(container.id);
      });
    this.#cleaning.set(container.id, cleaning);
  }

  #remove(container: Container): void {
    this.#does.remove(container).catch((error: unknown) =>
      this.#parts.log.error("automatic removal failed", {
        container: container.id,
        error: messageOf(error),
      }),
    );
  }

  /** A container whose run left no trace (the machine was restarted): recorded as lost, restarted if its policy says so. */
  async lost(container: Container): Promise<void> {
    if (container.state.restarting) return this.#parts.containers.save(rested(container)); // it had ended before
    const exit = { code: LOST, at: nowNanos(), oomKilled: false };
    const ghost: Process = { ...NOBODY, exited: Promise.resolve(exit) };
    container.process = ghost;
    await container.hold(() => this.#ended(container, ghost, exit));
  }
}

function rested(container: Container): Container {
  Object.assign(container.state, { running: false, restarting: false });
  return container;
}

/** What Docker records for a container that it finds dead without a status. */
const LOST = 255;

const NOBODY: Omit<Process, "exited"> = {
  pid: 0,
  attached: [],
  attach: () => Promise.reject(new Error("no process")),
  resize: () => Promise.resolve(),
};
