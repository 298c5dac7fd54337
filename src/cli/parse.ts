import type { Flag, Flags, Values } from "./flag.ts";

/** The command line is wrong: said with the usage, exit code 125 for a flag and 1 for the arguments, as Docker has it. */
export class UsageError extends Error {
  readonly code: number;
  /** What was probably meant. */
  readonly hint: string | undefined;

  constructor(message: string, { code = 125, hint }: { code?: number; hint?: string } = {}) {
    super(message);
    this.name = "UsageError";
    this.code = code;
    this.hint = hint;
  }
}

/** `--help` was given. */
export class HelpWanted extends Error {}

export interface Parsed<F> {
  readonly values: Values<F>;
  readonly args: string[];
  /** The flags that were given, by their long names. */
  readonly given: ReadonlySet<string>;
}

/**
 * Reads flags as pflag does: `--name=value`, `--name value`, `-n value`, `-nvalue`, `-n=value`, bundles of short
 * booleans, `--` ends the flags. With `stop` the first argument ends them too (run, create, exec).
 * Throws UsageError in Docker's words, HelpWanted for `--help`.
 */
export function parse<F extends Flags>(flags: F, argv: readonly string[], stop = false): Parsed<F> {
  const reader = new Reader(flags, argv);
  const args: string[] = [];
  while (reader.more) {
    const word = reader.next();
    if (word === "--") return reader.result([...args, ...reader.rest()]);
    if (word.startsWith("--")) reader.long(word);
    else if (word.startsWith("-") && word.length > 1) reader.shorts(word);
    else if (stop) return reader.result([...args, word, ...reader.rest()]);
    else args.push(word);
  }
  return reader.result(args);
}

class Reader<F extends Flags> {
  readonly #flags: F;
  readonly #argv: readonly string[];
  #at = 0;
  readonly #values: Record<string, unknown> = {};
  readonly #given = new Set<string>();

  constructor(flags: F, argv: readonly string[]) {
    this.#flags = flags;
    this.#argv = argv;
    for (const name in flags) this.#values[name] = flags[name]!.initial;
  }

  get more(): boolean {
    return this.#at < this.#argv.length;
  }

  next(): string {
    return this.#argv[this.#at++]!;
  }

  rest(): readonly string[] {
    return this.#argv.slice(this.#at);
  }

  result(args: string[]): Parsed<F> {
    return { values: this.#values as Values<F>, args, given: this.#given };
  }

  long(word: string): void {
    const equals = word.indexOf("=");
    const name = equals < 0 ? word.slice(2) : word.slice(2, equals);
    if (name === "" || name.startsWith("-")) throw new UsageError(`bad flag syntax: ${word}`);
    if (name === "help" && !Object.hasOwn(this.#flags, name)) throw new HelpWanted();
    if (!Object.hasOwn(this.#flags, name)) throw unknownFlag(name, this.#flags);
    const flag = this.#flags[name]!;
    if (equals >= 0) this.#set(name, flag, word.slice(equals + 1));
    else if (flag.hint === undefined) this.#set(name, flag, "true");
    else if (this.more) this.#set(name, flag, this.next());
    else throw new UsageError(`flag needs an argument: --${name}`);
  }

  shorts(word: string): void {
    for (let at = 1; at < word.length; at++) {
      const letter = word[at]!;
      const name = this.#byShort(letter);
      if (name === undefined) {
        if (letter === "h") throw new HelpWanted();
        throw new UsageError(`unknown shorthand flag: '${letter}' in -${word.slice(at)}`);
      }
      const flag = this.#flags[name]!;
      const rest = word.slice(at + 1);
      const whole = flag.hint !== undefined || rest.startsWith("=");
      this.#set(name, flag, whole ? this.#shortValue(letter, word.slice(at), rest) : "true");
      if (whole) return;
    }
  }

  #shortValue(letter: string, word: string, rest: string): string {
    if (rest !== "") return rest.replace(/^=/, "");
    if (this.more) return this.next();
    throw new UsageError(
      `flag needs an argument: '${letter}' in ${word.startsWith("-") ? word : `-${word}`}`,
    );
  }

  #byShort(letter: string): string | undefined {
    for (const name in this.#flags) if (this.#flags[name]!.short === letter) return name;
    return undefined;
  }

  #set(name: string, flag: Flag<unknown>, text: string): void {
    try {
      this.#values[name] = flag.parse(this.#values[name], text);
    } catch (error) {
      const shown = flag.short ? `-${flag.short}, --${name}` : `--${name}`;
      throw new UsageError(
        `invalid argument ${JSON.stringify(text)} for "${shown}" flag: ${(error as Error).message}`,
      );
    }
    this.#given.add(name);
  }
}

function unknownFlag(name: string, flags: Flags): UsageError {
  const near = nearest(name, Object.keys(flags));
  return new UsageError(`unknown flag: --${name}`, { hint: near && `Did you mean --${near}?` });
}

/** The known word that is one letter away, two for a long word: "did you mean". */
export function nearest(word: string, known: readonly string[]): string | undefined {
  if (word.length < 3) return undefined;
  let best: string | undefined;
  let least = word.length < 6 ? 2 : 3;
  for (const candidate of known) {
    const apart = distance(word, candidate);
    if (apart < least) [best, least] = [candidate, apart];
  }
  return best;
}

/** Levenshtein's distance. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next.push(Math.min(next[j - 1]! + 1, row[j]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    row = next;
  }
  return row[b.length]!;
}
