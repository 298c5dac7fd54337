import { EngineError, messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Job, JobIo } from "./job.ts";
import { type Caller, Run, type RunHost } from "./run.ts";

/** What a handler table holds: any job whose modules are among `M`. */
export type AnyJob<M> = Job<M, never, unknown>;

/** How long a shutdown waits. milliseconds */
export interface Patience {
  /** for running jobs to end */
  readonly jobs: number;
  /** for all shutdown handlers together */
  readonly handlers: number;
}

const PATIENCE: Patience = { jobs: 5_000, handlers: 10_000 };

/**
 * Docker's Engine: handlers by name, each run of one a job. Knows no container. `M` is what the handlers need; it is
 * installed when it has been built.
 */
export class Engine<M> {
  readonly #log: Log;
  readonly #handlers = new Map<string, AnyJob<M>>();
  readonly #running = new Set<Run<unknown>>();
  readonly #host: RunHost;
  readonly #onShutdown: { name: string; handler: (io: JobIo) => Promise<void> }[] = [];
  #modules = {} as M;
  #shutdown: Promise<void> | undefined;
  #idle: (() => void) | undefined;

  constructor(log: Log) {
    this.#log = log;
    this.#host = { log, begin: (run) => this.#begin(run), end: (run) => this.#end(run) };
  }

  /** Adds a handler. Throws when the name is taken. */
  register(job: AnyJob<M>): void {
    if (this.#handlers.has(job.name)) throw new Error(`can't overwrite handler for command ${job.name}`);
    this.#handlers.set(job.name, job);
  }

  /** The names of all handlers, in order. */
  commands(): string[] {
    return [...this.#handlers.keys()].sort();
  }

  /** Gives handlers their modules; what was given before stays. */
  install(modules: Partial<M>): void {
    this.#modules = { ...this.#modules, ...modules };
  }

  /** How many jobs run now. */
  get running(): number {
    return this.#running.size;
  }

  get isShutdown(): boolean {
    return this.#shutdown !== undefined;
  }

  /** Runs a job to its end. Throws `unavailable` after a shutdown began, `not_found` for a name without handler. */
  run<I, O>(job: Job<M, I, O>, input: NoInfer<I>, caller?: Caller): Promise<O> {
    return this.job<O>(job.name, input, caller).start();
  }

  /** A job by its name, not yet started: Docker's `eng.Job(name)`. */
  job<O = unknown>(name: string, input: unknown, caller?: Caller): Run<O> {
    return new Run<O>(name, input, this.#host, caller);
  }

  /** Adds what must be done at shutdown. Handlers run side by side, and may still run jobs through their `io`. */
  onShutdown(name: string, handler: (io: JobIo) => Promise<void>): void {
    this.#onShutdown.push({ name, handler });
  }

  /**
   * Ends the engine: new jobs are refused from now on, running ones may end and are cancelled after that, then every
   * handler runs. Resolves when all are done or patience is over; a second call waits for the first.
   */
  shutdown(patience: Partial<Patience> = {}): Promise<void> {
    this.#shutdown ??= this.#stop({ ...PATIENCE, ...patience });
    return this.#shutdown;
  }

  async #stop(patience: Patience): Promise<void> {
    if (this.#running.size > 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#idle = resolve;
      await within(patience.jobs, promise);
      for (const run of this.#running) run.cancel(new EngineError("canceled", "engine is shutdown"));
    }
    await within(patience.handlers, Promise.all(this.#onShutdown.map((entry) => this.#stopOne(entry))));
  }

  async #stopOne({ name, handler }: { name: string; handler: (io: JobIo) => Promise<void> }): Promise<void> {
    const run = this.job(`shutdown ${name}`, undefined);
    try {
      await handler(run);
    } catch (error) {
      this.#log.error("shutdown handler failed", { name, error: messageOf(error) });
    }
  }

  #begin(run: Run<unknown>): ((io: JobIo) => Promise<unknown>) | undefined {
    if (this.#shutdown && !run.nested) throw new EngineError("unavailable", "engine is shutdown");
    const handler = this.#handlers.get(run.name);
    if (!handler) return undefined;
    this.#running.add(run);
    return (io) => handler.handler(this.#modules, run.input as never, io);
  }

  #end(run: Run<unknown>): void {
    this.#running.delete(run);
    if (this.#running.size === 0) this.#idle?.();
  }
}

/** Resolves with `work`, or after `milliseconds`; Infinity waits as long as it takes. */
async function within(milliseconds: number, work: Promise<unknown>): Promise<void> {
  if (milliseconds === Number.POSITIVE_INFINITY) return void (await work);
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, milliseconds);
  await Promise.race([work, promise]);
  clearTimeout(timer);
}
