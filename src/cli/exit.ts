import { messageOf } from "../base/errors.ts";
import { ResponseError } from "../client/client.ts";
import { ConnectError } from "../client/wire.ts";
import { printError } from "./output.ts";

/** Ends the command with `code`; without words it ends in silence (they were said already). */
export class ExitError extends Error {
  readonly code: number;

  constructor(code: number, message = "") {
    super(message);
    this.name = "ExitError";
    this.code = code;
  }
}

const START =
  "Start one with 'bunker daemon' (as root), or name another by -H or DOCKER_HOST. 'bunker run' starts one by itself.";
const NEXT: Readonly<Record<string, string>> = {
  ENOENT: START,
  ECONNREFUSED: START,
  EACCES: "Try it with sudo, or as a member of the group that the socket belongs to.",
};

/** The words that a person reads for an error, as Docker's command line has them, and the next step where there is one. */
export function wordsOf(error: unknown): string {
  if (error instanceof ResponseError) return `Error response from daemon: ${error.message}`;
  const next = error instanceof ConnectError ? NEXT[error.reason] : undefined;
  return next ? `${messageOf(error)}\n${next}` : messageOf(error);
}

/** `failure` is the exit code of what has none of its own. Returns the code to end with. */
export function report(error: unknown, failure = 1): number {
  const words = wordsOf(error);
  if (words !== "") printError(words);
  return error instanceof ExitError ? error.code : failure;
}

const NOT_FOUND = /executable file not found|no such file or directory|system cannot find the file specified/;
const NOT_RUNNABLE = /permission denied|is a directory/;

/**
 * The exit code of a container that did not start: 127 when its command was not found, 126 when it cannot be run, else
 * 125 (docker run, "Exit status").
 */
export function startFailureCode(error: unknown): number {
  const words = messageOf(error);
  if (!(error instanceof ResponseError)) return 125;
  if (NOT_FOUND.test(words)) return 127;
  return NOT_RUNNABLE.test(words) ? 126 : 125;
}

/** Does `action` for each name, at once, then `after` for each that went well. Returns 1 when one failed with a code. */
export async function forEach(
  names: readonly string[],
  action: (name: string) => Promise<unknown>,
  after: (name: string) => void,
): Promise<number> {
  const failed: unknown[] = [];
  const outcomes = await Promise.allSettled(names.map(action));
  outcomes.forEach((outcome, index) => {
    if (outcome.status === "fulfilled") after(names[index]!);
    else failed.push(outcome.reason);
  });
  return Math.max(0, ...failed.map((error) => report(error)));
}
