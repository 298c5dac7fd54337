import { EngineError, messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Job, JobIo, JobStatus } from "./job.ts";

/** Whoever asked for a job: its signal aborts when they have gone. Read only when the job reads `io.signal`. */
export interface Caller {
  readonly signal?: AbortSignal;
}

/** What a run needs of its engine. */
export interface RunHost {
  readonly log: Log;
  /** Counts the run in and gives its handler, if there is one. Throws `unavailable` when the engine is shutdown. */
  begin(run: Run<unknown>): ((io: JobIo) => Promise<unknown>) | undefined;
  end(run: Run<unknown>): void;
}

/** One job: a handler's name, its input, and how it ended. Modelled, as Docker's, after a process. */
export class Run<O = unknown> implements JobIo {
  readonly name: string;
  readonly input: unknown;
  readonly #host: RunHost;
  readonly #caller: Caller | undefined;
  #status: JobStatus | undefined;
  #abort: AbortController | undefined;
  #canceled: Error | undefined;
  #started = false;

  constructor(name: string, input: unknown, host: RunHost, caller?: Caller) {
    this.name = name;
    this.input = input;
    this.#host = host;
    this.#caller = caller;
  }

  /** Undefined until it has ended. */
  get status(): JobStatus | undefined {
    return this.#status;
  }

  get log(): Log {
    return this.#host.log;
  }

  /** It is part of another job, which may end before the engine does. */
  get nested(): boolean {
    return this.#caller instanceof Run;
  }

  get signal(): AbortSignal {
    if (this.#abort) return this.#abort.signal;
    const abort = new AbortController();
    this.#abort = abort;
    const theirs = this.#caller?.signal;
    if (this.#canceled) abort.abort(this.#canceled);
    else if (theirs?.aborted) abort.abort(theirs.reason);
    else theirs?.addEventListener("abort", () => abort.abort(theirs.reason), { once: true });
    return abort.signal;
  }

  /** Runs it, once. Resolves with the handler's output, rejects with its error. */
  async start(): Promise<O> {
    if (this.#started) throw new Error(`${this.name}: job has already been started`);
    this.#started = true;
    const handler = this.#host.begin(this as Run<unknown>);
    if (!handler) {
      this.#status = 127;
      throw new EngineError("not_found", `${this.name}: command not found`);
    }
    const call = this.log.enabled("debug") ? `${this.name}(${said(this.input)})` : "";
    if (call) this.log.debug(`+job ${call}`);
    try {
      const output = (await handler(this)) as O;
      this.#status = 0;
      if (call) this.log.debug(`-job ${call} = OK (0)`);
      return output;
    } catch (error) {
      this.#status = 1;
      if (call) this.log.debug(`-job ${call} = ERR (1)`, { error: messageOf(error) });
      throw error;
    } finally {
      this.#host.end(this as Run<unknown>);
    }
  }

  /** Aborts the job's signal. */
  cancel(reason: Error): void {
    this.#canceled = reason;
    this.#abort?.abort(reason);
  }

  run<M, I, P>(job: Job<M, I, P>, input: I): Promise<P> {
    return new Run<P>(job.name, input, this.#host, this as Run<unknown>).start();
  }
}

/** The parts of an input that name what the job is about; nothing else of it is ever logged. */
const NAMING = ["name", "id", "fromImage", "fromSrc", "repo", "tag", "signal"];

function said(input: unknown): string {
  if (typeof input !== "object" || input === null) return "";
  const fields = input as Record<string, unknown>;
  return NAMING.flatMap((key) => (fields[key] === undefined ? [] : [String(fields[key])])).join(", ");
}
