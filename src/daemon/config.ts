import { resolve } from "node:path";
import { invalid } from "../base/errors.ts";
import type { LogLevel } from "../base/log.ts";
import { type Directives, readDirectives, unable } from "./config_file.ts";
import type { DaemonFlag } from "./flag.ts";
import { DAEMON_FLAGS } from "./flags.ts";

type Table = typeof DAEMON_FLAGS;
type Camel<S extends string> = S extends `${infer A}-${infer B}` ? `${A}${Capitalize<Camel<B>>}` : S;

/** The flags' values by the flags' names: what a parser of `DAEMON_FLAGS` gives. */
export type FlagValues = { -readonly [K in keyof Table]: Table[K] extends DaemonFlag<infer T> ? T : never };

/** Every setting, from flags and file, checked: `--data-root` is `dataRoot`. */
export type Config = Readonly<{ [K in keyof Table as Camel<K>]: FlagValues[K] }> & {
  /** What was asked for and needs a word in the log. */
  readonly notes: readonly string[];
};

const LEVELS: readonly string[] = ["debug", "info", "warn", "error", "fatal"] satisfies LogLevel[];
const NAMES = Object.keys(DAEMON_FLAGS) as (keyof Table)[];
const flagOf = (name: string) => DAEMON_FLAGS[name as keyof Table] as DaemonFlag<unknown>;

/**
 * The daemon's Config of its parsed flags (`given`: those that stood on the command line) and its configuration file.
 * Throws `invalid` for what the file says wrongly or what both say, and `unsupported` for what cannot be honoured.
 */
export function configure(values: FlagValues, given: ReadonlySet<string>): Config {
  const all = withAliases({ ...values }, given);
  const path = all["config-file"];
  const said = readDirectives(path, given.has("config-file"));
  const flags = new Set([...given].map((name) => flagOf(name).alias ?? name));
  failOnConflicts(path, said, flags, all);
  const merged = { ...all, ...said } as FlagValues;
  check(path, merged);
  return complete(merged, new Set([...flags, ...Object.keys(said)]));
}

/** The Config when the file has changed and SIGHUP came: only what may change while running is taken from it. */
export function reconfigure(values: FlagValues, given: ReadonlySet<string>, before: Config): Config {
  const fresh = configure(values, given);
  const reloadable = NAMES.filter((name) => flagOf(name).reload).map(camel);
  return { ...before, ...Object.fromEntries(reloadable.map((name) => [name, fresh[name as keyof Config]])) };
}

/** The defaults of all flags; for tests and for a daemon started without a command line. */
export const defaults = (): FlagValues =>
  Object.fromEntries(NAMES.map((name) => [name, flagOf(name).initial])) as FlagValues;

function withAliases(values: FlagValues, given: ReadonlySet<string>): FlagValues {
  const all = values as Record<string, unknown>;
  for (const name of given) {
    const { alias } = flagOf(name);
    if (alias && !given.has(alias)) all[alias] = all[name];
  }
  return values;
}

function failOnConflicts(
  path: string,
  said: Directives,
  flags: ReadonlySet<string>,
  values: FlagValues,
): void {
  const both = Object.keys(said).filter((name) => flags.has(name));
  if (both.length === 0) return;
  const words = both.map((name) => {
    const [flag, file] = [shown(values[name as keyof Table]), shown(said[name])];
    return `${flagOf(name).file ?? name}: (from flag: ${flag}, from file: ${file})`;
  });
  throw unable(
    path,
    `the following directives are specified both as a flag and in the configuration file: ${words.sort().join(", ")}`,
  );
}

/** As Go prints it: `[a b]`, `map[k:v]`. */
function shown(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(shown).join(" ")}]`;
  if (typeof value !== "object" || value === null) return String(value);
  const pairs = Object.entries(value).map(([key, item]) => `${key}:${shown(item)}`);
  return `map[${pairs.sort().join(" ")}]`;
}

function check(path: string, values: FlagValues): void {
  const merged = (reason: string) =>
    unable(path, `merged configuration validation from file and command line flags failed: ${reason}`);
  if (!LEVELS.includes(values["log-level"])) throw merged(`invalid logging level: ${values["log-level"]}`);
  if (values.mtu < 0) throw merged(`invalid default MTU: ${values.mtu}`);
  if (values["max-concurrent-downloads"] < 1)
    throw merged(`invalid max concurrent downloads: ${values["max-concurrent-downloads"]}`);
  if (values["max-download-attempts"] < 1)
    throw merged(`invalid max download attempts: ${values["max-download-attempts"]}`);
  if (values.bridge !== "" && values.bip !== "")
    throw invalid("You specified -b & --bip, mutually exclusive options. Please specify only one");
  if (!values.iptables && !values.icc)
    throw invalid(
      "You specified --iptables=false with --icc=false. ICC=false uses iptables to function. Please set --icc or --iptables to true",
    );
  for (const name of NAMES) {
    const reason = flagOf(name).refuse?.(values[name]);
    if (reason) throw invalid(`--${name} cannot be honoured: ${reason}`);
  }
}

function complete(values: FlagValues, asked: ReadonlySet<string>): Config {
  const notes = [...asked].flatMap((name) => {
    const note = flagOf(name).note?.(values[name as keyof Table]);
    return note ? [`--${name}: ${note}`] : [];
  });
  const config = Object.fromEntries(NAMES.map((name) => [camel(name), values[name]])) as unknown as Config;
  return {
    ...config,
    notes,
    dataRoot: resolve(config.dataRoot),
    execRoot: resolve(config.execRoot),
    pidfile: config.pidfile && resolve(config.pidfile),
    tls: config.tls || config.tlsverify,
    ipMasq: config.ipMasq && config.iptables,
    debug: config.debug || config.logLevel === "debug",
  };
}

const camel = (name: string): string =>
  name.replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
