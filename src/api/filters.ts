import { invalid } from "../base/errors.ts";

/**
 * A decoded `filters=` parameter: values of one key are or-ed, keys are and-ed (moby api/types/filters).
 * A key that was not given matches everything.
 */
export class Filters {
  readonly #values: ReadonlyMap<string, readonly string[]>;

  constructor(values: ReadonlyMap<string, readonly string[]> = new Map()) {
    this.#values = values;
  }

  get empty(): boolean {
    return this.#values.size === 0;
  }

  has(key: string): boolean {
    return this.#values.has(key);
  }

  get(key: string): readonly string[] {
    return this.#values.get(key) ?? [];
  }

  /** One of the key's values is `source`. */
  exact(key: string, source: string): boolean {
    return this.#some(key, (value) => value === source);
  }

  /** `source` starts with one of the key's values. */
  prefix(key: string, source: string): boolean {
    return this.#some(key, (value) => source.startsWith(value));
  }

  /** One of the key's values equals `source` or, as a regular expression, is found in it. */
  match(key: string, source: string): boolean {
    return this.#some(key, (value) => value === source || found(value, source));
  }

  /** Every value `k` or `k=v` of the key is in `labels`: labels are and-ed. */
  labels(key: string, labels: Readonly<Record<string, string>> | null | undefined): boolean {
    return this.get(key).every((value) => {
      const at = value.indexOf("=");
      const name = at < 0 ? value : value.slice(0, at);
      const held = labels && Object.hasOwn(labels, name) ? labels[name] : undefined;
      return held !== undefined && (at < 0 || held === value.slice(at + 1));
    });
  }

  /** The key's one value as a boolean. Throws `invalid` when it is none, or when both are given. */
  flag(key: string, otherwise: boolean): boolean {
    if (!this.has(key)) return otherwise;
    const values = this.get(key);
    const yes = values.some((value) => value === "1" || value === "true");
    const no = values.some((value) => value === "0" || value === "false");
    if (yes === no) throw invalid(`invalid filter '${key}=[${values.join(" ")}]'`);
    return yes;
  }

  #some(key: string, holds: (value: string) => boolean): boolean {
    const values = this.#values.get(key);
    return !values || values.length === 0 || values.some(holds);
  }
}

/**
 * Decodes both wire forms, `{"key":["v"]}` and `{"key":{"v":true}}`; nothing and `""` are no filter.
 * Throws `invalid` in Docker's words for what is not JSON and for a key that is not in `known`.
 */
export function parseFilters(raw: string | undefined, known: readonly string[]): Filters {
  if (!raw) return new Filters();
  const values = new Map<string, readonly string[]>();
  for (const [key, value] of Object.entries(object(raw))) {
    if (!known.includes(key)) throw invalid(`invalid filter '${key}'`);
    values.set(key, list(value));
  }
  return new Filters(values);
}

/** What a client sends for `filters`: the list form; undefined when there is nothing to filter by. */
export function formatFilters(values: Readonly<Record<string, readonly string[]>>): string | undefined {
  const given = Object.entries(values).filter(([, list]) => list.length > 0);
  return given.length > 0 ? JSON.stringify(Object.fromEntries(given)) : undefined;
}

function object(raw: string): object {
  try {
    const value: unknown = JSON.parse(raw);
    if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  } catch (error) {
    throw invalid("invalid filter", error);
  }
  throw invalid("invalid filter");
}

function list(value: unknown): string[] {
  if (Array.isArray(value) && value.every((item) => typeof item === "string")) return value;
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw invalid("invalid filter");
  return Object.entries(value).flatMap(([item, on]) => (on === true ? [item] : []));
}

function found(pattern: string, source: string): boolean {
  try {
    return new RegExp(pattern).test(source);
  } catch {
    return source.includes(pattern);
  }
}
