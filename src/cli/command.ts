import type { Client } from "../client/client.ts";
import type { App } from "./app.ts";
import { ExitError, report, wordsOf } from "./exit.ts";
import type { Flags, Values } from "./flag.ts";
import { print, printError } from "./output.ts";
import { HelpWanted, parse, UsageError } from "./parse.ts";
import { usageOf } from "./usage.ts";

/** How many arguments a verb takes. */
export interface Arity {
  readonly min: number;
  readonly max: number;
}

export const exactly = (count: number): Arity => ({ min: count, max: count });
export const atLeast = (min: number): Arity => ({ min, max: Number.POSITIVE_INFINITY });
export const atMost = (max: number): Arity => ({ min: 0, max });

export interface Context<F> {
  readonly flags: Values<F>;
  readonly given: ReadonlySet<string>;
  readonly args: readonly string[];
  readonly client: Client;
  readonly app: App;
}

/** One verb: what it takes and what it does. */
export interface Verb<F extends Flags = Flags> {
  /** What stands behind the name in the usage: `[OPTIONS] CONTAINER [CONTAINER...]`. */
  readonly usage: string;
  readonly about: string;
  readonly examples?: readonly string[];
  readonly args: Arity;
  /** The first argument ends the flags: what follows belongs to the command in the container. */
  readonly stop?: true;
  readonly flags: F;
  /** Failures are said as `bunker: …` with a pointer to the help, and end with 125 (run, create). */
  readonly strict?: true;
  /** Resolves with the exit code, 0 when it says nothing. */
  readonly run: (context: Context<F>) => Promise<number | undefined>;
}

/** A verb as its table row loads it. */
export interface LoadedVerb extends Omit<Verb, "flags" | "run"> {
  readonly flags: Flags;
  readonly run: (context: never) => Promise<number | undefined>;
}

export const verb = <const F extends Flags>(definition: Verb<F>): Verb<F> => definition;

/**
 * Reads the flags and runs the verb. `path` is how the user called it, `names` every way to call it. Says what went
 * wrong and resolves with the exit code.
 */
export async function execute(
  app: App,
  path: string,
  names: readonly string[],
  loaded: LoadedVerb,
  argv: readonly string[],
): Promise<number> {
  const { strict, ...command } = loaded as Verb;
  const usage = `Usage:  ${path}${command.usage === "" ? "" : ` ${command.usage}`}`;
  try {
    const { values, args, given } = parse(command.flags, argv, command.stop);
    checkArity(path, usage, command.args, args.length);
    const context = { flags: values, given, args, app, client: undefined as unknown as Client };
    Object.defineProperty(context, "client", { get: () => app.client });
    return (await command.run(context)) ?? 0;
  } catch (error) {
    if (error instanceof HelpWanted) {
      print(usageOf(path, names, command));
      return 0;
    }
    if (error instanceof UsageError) {
      const pointer = `Run '${path} --help' for more information`;
      printError([error.message, usage, error.hint, pointer].filter(Boolean).join("\n\n"));
      return error.code;
    }
    if (app.debug) printError((error as Error).stack ?? String(error));
    return strict ? failure(error, path) : report(error);
  }
}

function failure(error: unknown, path: string): number {
  if (error instanceof ExitError) return report(error);
  printError(`bunker: ${wordsOf(error)}\n\nRun '${path} --help' for more information`);
  return 125;
}

function checkArity(path: string, usage: string, { min, max }: Arity, count: number): void {
  if (count >= min && count <= max) return;
  const plural = (n: number) => (n === 1 ? "argument" : "arguments");
  const lacks = min === max ? `requires ${min} ${plural(min)}` : `requires at least ${min} ${plural(min)}`;
  const words =
    max === 0
      ? "accepts no arguments"
      : count < min || min === max
        ? lacks
        : `requires at most ${max} ${plural(max)}`;
  const pointer = min !== max && count < min ? "See" : "Run";
  throw new ExitError(
    1,
    `bunker: '${path}' ${words}\n\n${usage}\n\n${pointer} '${path} --help' for more information`,
  );
}
