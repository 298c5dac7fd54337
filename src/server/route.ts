import type { Endpoint, Hijack } from "../api/endpoint.ts";
import type { Job } from "../engine/job.ts";

/** One line of the table: what is asked, and the job that answers it. `M` is what the jobs need. */
export interface Route<M> {
  readonly endpoint: Endpoint<unknown, unknown>;
  readonly job: Job<M, never, unknown>;
}

/** What a job may return: what is answered, or where that is a hijack nothing at all, when it was asked to detach. */
type Output<O> = O extends Hijack ? O | undefined : O;

/** Compiles only when the job takes what the endpoint decodes and returns what it answers. */
export const on =
  <M>() =>
  <I, O>(endpoint: Endpoint<I, O>, job: Job<M, NoInfer<I>, Output<NoInfer<O>>>): Route<M> => ({
    endpoint,
    job,
  });
