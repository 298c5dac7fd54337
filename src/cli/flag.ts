/** One flag: how its text becomes a value. `T` is what the command gets. */
export interface Flag<T> {
  readonly short?: string;
  readonly help: string;
  /** The type's name in the usage (`string`, `list`, `int`); none for a boolean. */
  readonly hint?: string;
  readonly initial: T;
  /** What the usage shows as the default. */
  readonly shown?: string;
  /** Understood, not listed. */
  readonly hidden?: true;
  /** Throws an Error whose message says what is wrong with `text`. */
  parse(before: T, text: string): T;
}

export type Flags = Readonly<Record<string, Flag<unknown>>>;
export type Values<F> = { -readonly [K in keyof F]: F[K] extends Flag<infer T> ? T : never };

interface More {
  readonly hidden?: true;
}

const TRUE = new Set(["1", "t", "T", "TRUE", "true", "True"]);
const FALSE = new Set(["0", "f", "F", "FALSE", "false", "False"]);

/** Go's strconv.ParseBool, with its words. */
function parseBool(text: string): boolean {
  if (TRUE.has(text)) return true;
  if (FALSE.has(text)) return false;
  throw new Error(`strconv.ParseBool: parsing ${JSON.stringify(text)}: invalid syntax`);
}

/** Go's strconv.ParseInt with base 0, with its words. */
export function parseInteger(text: string): number {
  const value = /^[-+]?(0[xX][0-9a-fA-F]+|0[oO]?[0-7]+|0[bB][01]+|\d+)$/.test(text)
    ? goInteger(text)
    : Number.NaN;
  if (Number.isNaN(value))
    throw new Error(`strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  if (Math.abs(value) > 2 ** 63 - 1)
    throw new Error(`strconv.ParseInt: parsing ${JSON.stringify(text)}: value out of range`);
  return value;
}

function goInteger(text: string): number {
  const sign = text.startsWith("-") ? -1 : 1;
  const digits = text.replace(/^[-+]/, "").replace(/^0([0-7]+)$/, "0o$1");
  return sign * Number(digits);
}

/** Defined by its own words of failure; `parse` sees the value before, so that it can add to it. */
export const custom = <T>(
  short: string,
  hint: string,
  help: string,
  initial: T,
  parse: (before: T, text: string) => T,
  shown?: string,
): Flag<T> => ({ short: short || undefined, hint, help, initial, parse, shown });

export const bool = (short: string, help: string, initial = false, more: More = {}): Flag<boolean> => ({
  short: short || undefined,
  help,
  initial,
  shown: initial ? "true" : undefined,
  parse: (_, value) => parseBool(value),
  ...more,
});

/** Undefined when not given. */
export const optional = (short: string, help: string, hint = "string"): Flag<string | undefined> =>
  custom<string | undefined>(short, hint, help, undefined, (_, value) => value);

export const string = (short: string, help: string, initial = "", hint = "string"): Flag<string> =>
  custom(short, hint, help, initial, (_, value) => value, initial && JSON.stringify(initial));

/** Given once for each element; commas mean nothing. */
export const list = (
  short: string,
  help: string,
  check?: (value: string) => string,
  hint = "list",
): Flag<string[]> =>
  custom<string[]>(short, hint, help, [], (before, value) => [...before, check ? check(value) : value]);

export const int = (short: string, help: string): Flag<number | undefined> =>
  custom<number | undefined>(short, "int", help, undefined, (_, value) => parseInteger(value));

export const intOr = (short: string, help: string, initial: number): Flag<number> =>
  custom(short, "int", help, initial, (_, value) => parseInteger(value), String(initial));
