import type { Log } from "../base/log.ts";

/** How a job ended: 0 done, 1 failed, 127 no job of that name (Docker's StatusOK, StatusErr, StatusNotFound). */
export type JobStatus = 0 | 1 | 127;

/** What the engine gives a running job. */
export interface JobIo {
  /** Aborts when the caller hangs up or the engine is forced down. */
  readonly signal: AbortSignal;
  readonly log: Log;
  /** Runs another job as part of this one: same log, same cancellation, same shutdown. */
  run<M, I, O>(job: Job<M, I, O>, input: I): Promise<O>;
}

/**
 * One verb of the engine: `M` the modules it needs, `I` its input, `O` its output (a value, or an async iterable when
 * it can grow). A handler in Docker's words; the engine makes one run of it a job.
 */
export interface Job<M, I, O> {
  readonly name: string;
  readonly handler: (modules: M, input: I, io: JobIo) => Promise<O>;
}

/** Declares a job. The name is Docker's where Docker had one. */
export const job = <M, I, O>(
  name: string,
  handler: (modules: M, input: I, io: JobIo) => Promise<O>,
): Job<M, I, O> => ({ name, handler });
