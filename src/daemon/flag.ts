import { parseSize } from "../base/units.ts";

/** One setting of the daemon: a flag on the command line, a key in daemon.json, and what may stand there. */
export interface DaemonFlag<T> {
  readonly short?: string;
  readonly help: string;
  /** The type's name in the usage; none for a boolean. */
  readonly hint?: string;
  readonly initial: T;
  /** What the usage shows as the default. */
  readonly shown?: string;
  /** Understood, not listed in the usage. */
  readonly hidden?: true;
  /** Throws an Error whose message says what is wrong with `text`. */
  readonly parse: (before: T, text: string) => T;
  /** The value as it stands in daemon.json. Throws an Error that says what it should be. */
  readonly read: (value: unknown) => T;
  /** Its key in daemon.json where that is not the flag's name; null: not in the file. */
  readonly file?: string | null;
  /** SIGHUP takes a new value from the file. */
  readonly reload?: true;
  /** This flag is an older name of that one. */
  readonly alias?: string;
  /** Why this value cannot be honoured; undefined: it can. */
  readonly refuse?: (value: T) => string | undefined;
  /** What must be said in the log when this value was asked for. */
  readonly note?: (value: T) => string | undefined;
}

export interface Ulimit {
  Name: string;
  Soft: number;
  Hard: number;
}

type More<T> = Partial<
  Pick<
    DaemonFlag<T>,
    "short" | "hidden" | "file" | "reload" | "alias" | "refuse" | "note" | "shown" | "hint" | "read"
  >
>;

const quoted = JSON.stringify;

/** For a key whose value in the file has a form of its own, but which can only be empty. */
export const emptyOr =
  (reason: string) =>
  (value: unknown): string[] => {
    if (typeof value === "object" && value !== null && Object.keys(value).length > 0) throw new Error(reason);
    return [];
  };

const BOOLEAN: Record<string, boolean> = {
  "1": true,
  t: true,
  true: true,
  "0": false,
  f: false,
  false: false,
};

/** Go's strconv.ParseBool, with its words. */
function parseBool(text: string): boolean {
  const value = BOOLEAN[text.toLowerCase()];
  if (value === undefined) throw new Error(`strconv.ParseBool: parsing ${quoted(text)}: invalid syntax`);
  return value;
}

function parseInteger(text: string): number {
  if (!/^[-+]?\d+$/.test(text)) throw new Error(`strconv.ParseInt: parsing ${quoted(text)}: invalid syntax`);
  return Number(text);
}

/** `holds` narrows what JSON gave, or its words say what it should have been. */
function must<T>(holds: boolean, value: unknown, what: string): T {
  if (!holds) throw new Error(`must be ${what}`);
  return value as T;
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export const toggle = (help: string, initial = false, more: More<boolean> = {}): DaemonFlag<boolean> => ({
  help,
  initial,
  shown: initial ? "true" : undefined,
  parse: (_, value) => parseBool(value),
  read: (value) => must(typeof value === "boolean", value, "true or false"),
  ...more,
});

/** `check` throws what is wrong, or gives the value in its usual form. */
export const text = (
  help: string,
  initial = "",
  more: More<string> = {},
  check: (value: string) => string = (value) => value,
): DaemonFlag<string> => ({
  help,
  hint: "string",
  initial,
  shown: initial && quoted(initial),
  parse: (_, value) => check(value),
  read: (value) => check(must(typeof value === "string", value, "a string")),
  ...more,
});

export const number = (help: string, initial: number, more: More<number> = {}): DaemonFlag<number> => ({
  help,
  hint: "int",
  initial,
  shown: initial === 0 ? undefined : String(initial),
  parse: (_, value) => parseInteger(value),
  read: (value) => must(Number.isInteger(value), value, "a whole number"),
  ...more,
});

/** Given once for each element. */
export const list = (
  help: string,
  more: More<string[]> = {},
  check: (value: string) => string = (value) => value,
): DaemonFlag<string[]> => ({
  help,
  hint: "list",
  initial: [],
  parse: (before, value) => [...before, check(value)],
  read: (value) =>
    must<string[]>(
      Array.isArray(value) && value.every((item) => typeof item === "string"),
      value,
      "a list of strings",
    ).map(check),
  ...more,
});

/** `key=value`, once for each. */
export const map = (
  help: string,
  more: More<Record<string, string>> = {},
): DaemonFlag<Record<string, string>> => ({
  help,
  hint: "map",
  initial: {},
  parse: (before, value) => {
    const at = value.indexOf("=");
    return { ...before, [at < 0 ? value : value.slice(0, at)]: at < 0 ? "" : value.slice(at + 1) };
  },
  read: (value) => {
    must(isRecord(value), value, "an object");
    return Object.fromEntries(Object.entries(value as object).map(([key, item]) => [key, String(item)]));
  },
  ...more,
});

/** Bytes; units of 1024. */
export const size = (help: string, initial: number, more: More<number> = {}): DaemonFlag<number> => ({
  help,
  hint: "bytes",
  initial,
  parse: (_, value) => parseSize(value),
  read: (value) =>
    typeof value === "string" ? parseSize(value) : must(Number.isInteger(value), value, "a size like 64m"),
  ...more,
});

const ULIMIT = /^(\w+)=(-?\d+)(?::(-?\d+))?$/;

export const ulimits = (help: string, more: More<Ulimit[]> = {}): DaemonFlag<Ulimit[]> => ({
  help,
  hint: "ulimit",
  initial: [],
  parse: (before, value) => {
    const found = ULIMIT.exec(value);
    if (!found) throw new Error(`invalid ulimit argument: ${value}`);
    const limit = { Name: found[1]!, Soft: Number(found[2]), Hard: Number(found[3] ?? found[2]) };
    return [...before.filter((other) => other.Name !== limit.Name), checked(limit)];
  },
  read: (value) => {
    must(isRecord(value), value, "an object of ulimits by name");
    return Object.entries(value as Record<string, Partial<Ulimit>>).map(([name, { Soft, Hard }]) =>
      checked({ Name: name, Soft: Soft ?? 0, Hard: Hard ?? Soft ?? 0 }),
    );
  },
  ...more,
});

function checked(limit: Ulimit): Ulimit {
  if (limit.Hard !== -1 && (limit.Soft > limit.Hard || limit.Soft === -1))
    throw new Error(
      `ulimit soft limit must be less than or equal to hard limit: ${limit.Soft} > ${limit.Hard}`,
    );
  return limit;
}
