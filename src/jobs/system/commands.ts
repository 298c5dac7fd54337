import { job } from "../../engine/job.ts";

/** What the job needs of the engine that runs it. */
export interface Vocabulary {
  readonly engine: { commands(): readonly string[] };
}

/** The names of all jobs, one a line: the first handler that Docker's engine registers. */
export const commands = job(
  "commands",
  async (m: Vocabulary): Promise<string> =>
    m.engine
      .commands()
      .map((name) => `${name}\n`)
      .join(""),
);
