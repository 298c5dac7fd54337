import type { Route } from "./route.ts";

/** A route that a path met, with what stood at the path's `{names}`. */
export interface Match<M> {
  readonly route: Route<M>;
  readonly path: Readonly<Record<string, string>>;
}

interface Pattern<M> {
  readonly route: Route<M>;
  readonly expression: RegExp;
  readonly names: readonly string[];
}

/** The routes of one method, by their first path segment: a path is held against a handful of patterns, not all. */
export class Table<M> {
  readonly #fixed = new Map<string, Match<M>>();
  readonly #patterns = new Map<string, Pattern<M>[]>();

  constructor(routes: readonly Route<M>[]) {
    for (const route of routes) this.#add(route);
  }

  /** `path` without version and query, as it came on the wire. Undefined: no such page. */
  find(method: string, path: string): Match<M> | undefined {
    const fixed = this.#fixed.get(`${method} ${path}`);
    if (fixed) return fixed;
    for (const { route, expression, names } of this.#patterns.get(`${method} ${head(path)}`) ?? []) {
      const found = expression.exec(path);
      if (!found) continue;
      const values: Record<string, string> = {};
      for (const [at, name] of names.entries()) values[name] = unescaped(found[at + 1]!);
      return { route, path: values };
    }
    return undefined;
  }

  #add(route: Route<M>): void {
    const { method, path } = route.endpoint;
    const names = [...path.matchAll(/\{(\w+)\*?\}/g)].map((found) => found[1]!);
    if (names.length === 0) {
      this.#fixed.set(`${method} ${path}`, { route, path: {} });
      return;
    }
    const source = path
      .replace(/[.+?^$()|[\]\\]/g, "\\$&")
      .replace(/\{\w+\*\}/g, "(.+)")
      .replace(/\{\w+\}/g, "([^/]+)");
    const key = `${method} ${head(path)}`;
    const patterns = this.#patterns.get(key) ?? [];
    patterns.push({ route, expression: new RegExp(`^${source}$`), names });
    this.#patterns.set(key, patterns);
  }
}

const head = (path: string): string => path.slice(0, path.indexOf("/", 1) + 1 || path.length);

function unescaped(segment: string): string {
  if (!segment.includes("%")) return segment;
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
