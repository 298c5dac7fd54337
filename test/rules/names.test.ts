import { expect, test } from "bun:test";
import { join } from "node:path";
import type { Endpoint } from "../../src/api/endpoint.ts";
import { routes } from "../../src/server/routes.ts";

const ROOT = join(import.meta.dir, "../..");
/** Run by the daemon or by another job, never by a request. */
const INTERNAL = new Set(["serveapi", "acceptconnections", "init_networkdriver", "pull", "import"]);

interface Named<T> {
  readonly place: string;
  readonly thing: T;
}

/** Every export of the files of `pattern` that is a `T`. */
async function exported<T>(pattern: string, is: (thing: unknown) => thing is T): Promise<Named<T>[]> {
  const files = [...new Bun.Glob(pattern).scanSync(ROOT)].filter((file) => !file.endsWith(".test.ts")).sort();
  const found = await Promise.all(
    files.map(async (file) => {
      const all: [string, unknown][] = Object.entries(await import(join(ROOT, file)));
      return all.flatMap(([name, thing]) => (is(thing) ? [{ place: `${file} ${name}`, thing }] : []));
    }),
  );
  return found.flat();
}

const hasAll = (thing: unknown, keys: readonly string[]): boolean =>
  typeof thing === "object" && thing !== null && keys.every((key) => key in thing);
const isEndpoint = (thing: unknown): thing is Endpoint<unknown, unknown> =>
  hasAll(thing, ["method", "path", "answer", "query"]);
const isJob = (thing: unknown): thing is { name: string } => hasAll(thing, ["name", "handler"]);

test("every endpoint that is declared has its route, and no two share method and path", async () => {
  const endpoints = await exported("src/api/*.ts", isEndpoint);
  expect(endpoints.length).toBeGreaterThan(30);
  const routed = new Set(routes.map((route) => route.endpoint));
  expect(endpoints.filter(({ thing }) => !routed.has(thing)).map(({ place }) => place)).toEqual([]);
  const lines = routes.map(({ endpoint }) => `${endpoint.method} ${endpoint.path}`);
  expect(lines.filter((line, index) => lines.indexOf(line) !== index)).toEqual([]);
});

test("every job has a route or is internal, and a name of its own", async () => {
  const jobs = await exported("src/jobs/**/*.ts", isJob);
  const routed = new Set<unknown>(routes.map((route) => route.job));
  const idle = jobs.filter(({ thing }) => !routed.has(thing) && !INTERNAL.has(thing.name));
  expect(idle.map(({ place }) => place)).toEqual([]);
  const names = [...new Set(jobs.map(({ thing }) => thing))].map(({ name }) => name);
  expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
});

test("every endpoint is called by the command line or by the scripting API", async () => {
  const endpoints = await exported("src/api/*.ts", isEndpoint);
  const files = [...new Bun.Glob("src/{cli,client}/**/*.ts").scanSync(ROOT)];
  const texts = await Promise.all(files.map((file) => Bun.file(join(ROOT, file)).text()));
  const used = (name: string) => texts.some((text) => new RegExp(`\\b${name}\\b`).test(text));
  expect(endpoints.filter(({ place }) => !used(place.split(" ")[1]!)).map(({ place }) => place)).toEqual([]);
});
