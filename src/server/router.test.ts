import { expect, test } from "bun:test";
import {
  bool,
  bytesBody,
  endpoint,
  int,
  json,
  jsonBody,
  later,
  lines,
  none,
  plain,
  text,
} from "../api/endpoint.ts";
import { EngineError } from "../base/errors.ts";
import { Log } from "../base/log.ts";
import { Engine } from "../engine/engine.ts";
import { job } from "../engine/job.ts";
import { fetchStyle } from "./fetch.ts";
import { on, type Route } from "./route.ts";
import { router } from "./router.ts";

const route = on<object>();
const logged: string[] = [];

function server(...routes: Route<object>[]): (path: string, init?: RequestInit) => Promise<Response> {
  const log = new Log("info", (line) => void logged.push(line));
  const engine = new Engine<object>(log);
  for (const { job } of routes) engine.register(job);
  const answer = fetchStyle(router(routes, engine, "bunker/test (linux)", log));
  return (path, init) => answer(new Request(`http://engine${path}`, init));
}

const post = (body: string, type = "application/json"): RequestInit => ({
  method: "POST",
  body,
  headers: { "Content-Type": type, "Content-Length": String(body.length) },
});

const echo = route(
  endpoint("GET", "/echo/{name*}/json", {
    query: { all: bool, limit: int, filters: text },
    answer: json<object>(),
  }),
  job("echo", async (_, input) => input),
);
const create = route(
  endpoint("POST", "/things/create", {
    query: { name: text },
    body: jsonBody<{ A?: number }>(),
    answer: json<object>(201),
  }),
  job("create", async (_, input: object) => input),
);
const failing = (error: unknown) =>
  route(
    endpoint("GET", "/fail", { answer: none() }),
    job("fail", () => Promise.reject(error)),
  );

test("router: path, query and version reach the job; the answer carries Docker's headers", async () => {
  const response = await server(echo)("/v1.51/echo/reg.io%2Fa/b:1/json?all=1&limit=3&filters=%7B%7D&other=x");
  expect(await response.json()).toEqual({ name: "reg.io/a/b:1", all: true, limit: 3, filters: "{}" });
  expect(Object.fromEntries(response.headers)).toMatchObject({
    "api-version": "1.51",
    ostype: "linux",
    server: "bunker/test (linux)",
    "docker-experimental": "false",
    "content-type": "application/json",
  });
});

test("router: an unknown path or method is 404 page not found, without Docker's headers", async () => {
  for (const [path, method] of [
    ["/nope", "GET"],
    ["/v1.51/echo/a/json", "PUT"],
    ["/vx/echo/a/json", "GET"],
  ] as const) {
    const response = await server(echo)(path, { method });
    expect(response.status).toBe(404);
    expect(await response.text()).toBe('{"message":"page not found"}\n');
    expect(response.headers.get("api-version")).toBeNull();
  }
});

test("router: a version too new is refused in JSON, one too old in plain text", async () => {
  const get = server(echo);
  const fresh = await get("/v1.99/echo/a/json");
  expect(fresh.status).toBe(400);
  expect(await fresh.json()).toEqual({
    message: "client version 1.99 is too new. Maximum supported API version is 1.51",
  });
  const old = await get("/v1.20/echo/a/json");
  expect(old.status).toBe(400);
  expect(old.headers.get("content-type")).toBe("text/plain; charset=utf-8");
  expect(await old.text()).toBe(
    "client version 1.20 is too old. Minimum supported API version is 1.24, please upgrade your client to a newer version",
  );
});

test("router: a JSON body is read; what is none is refused in Docker's words", async () => {
  const send = server(create);
  const good = await send("/things/create?name=x", post('{"A":1}', "application/json; charset=utf-8"));
  expect(good.status).toBe(201);
  expect(await good.json()).toEqual({ name: "x", body: { A: 1 } });
  const words = async (init: RequestInit) =>
    ((await (await send("/things/create", init)).json()) as { message: string }).message;
  expect(await words(post("{}", "text/plain"))).toBe(
    "unsupported Content-Type header (text/plain): must be 'application/json'",
  );
  expect(await words(post(""))).toBe("invalid JSON: got EOF while reading request body");
  expect(await words(post("{bad"))).toStartWith("invalid JSON: ");
  expect(await words(post("3"))).toBe("invalid JSON: json: cannot unmarshal number into an object");
});

test("router: each error code has its status, a change that changes nothing no body", async () => {
  const answer = async (code: EngineError["code"]) => server(failing(new EngineError(code, "why")))("/fail");
  const conflict = await answer("conflict");
  expect([conflict.status, await conflict.text()]).toEqual([409, '{"message":"why"}\n']);
  const unmodified = await answer("unmodified");
  expect([unmodified.status, await unmodified.text()]).toEqual([304, ""]);
});

test("router: an unknown error is our bug: 500, and logged with its stack", async () => {
  logged.length = 0;
  const response = await server(failing(new TypeError("x is not a function")))("/fail");
  expect(response.status).toBe(500);
  expect(await response.json()).toEqual({ message: "x is not a function" });
  expect(logged.join()).toContain("stack=");
});

test("router: a bigint is a bare number", async () => {
  const big = route(
    endpoint("GET", "/events", { answer: lines<{ timeNano: bigint }>() }),
    job("events", async () => stream({ timeNano: 1795308647492074759n })),
  );
  expect(await (await server(big)("/events")).text()).toBe('{"timeNano":1795308647492074759}\n');
});

test("router: progress that fails before its first line is an error, after it a last line", async () => {
  const pull = (...first: object[]) =>
    route(
      endpoint("POST", "/pull", { body: bytesBody(), answer: lines<object>("\r\n") }),
      job("pull", async () => failingStream(...first)),
    );
  const early = await server(pull())("/pull", { method: "POST" });
  expect([early.status, await early.json()]).toEqual([404, { message: "manifest unknown" }]);
  const late = await server(pull({ status: "Pulling" }))("/pull", { method: "POST" });
  expect(await late.text()).toBe(
    '{"status":"Pulling"}\r\n{"errorDetail":{"message":"manifest unknown"},"error":"manifest unknown"}\r\n',
  );
});

test("router: an answer that comes later sends its head first", async () => {
  const { promise, resolve } = Promise.withResolvers<{ StatusCode: number }>();
  const wait = route(
    endpoint("POST", "/wait", { answer: later<{ StatusCode: number }>() }),
    job("wait", async () => ({ later: promise })),
  );
  const response = await server(wait)("/wait", { method: "POST" });
  expect(response.status).toBe(200);
  resolve({ StatusCode: 3 });
  expect(await response.text()).toBe('{"StatusCode":3}\n');
});

test("router: a caller that hangs up aborts the job's signal", async () => {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const slow = route(
    endpoint("GET", "/slow", { answer: plain() }),
    job("slow", async (_, _input, io) => {
      io.signal.addEventListener("abort", () => resolve(true));
      return promise.then(() => "");
    }),
  );
  const caller = new AbortController();
  void server(slow)("/slow", { signal: caller.signal });
  setTimeout(() => caller.abort(), 1);
  expect(await promise).toBe(true);
});

test("router: empty segments of a path are moved away, as Docker's mux does", async () => {
  const response = await server(echo)("/v1.51//echo/a/json?all=1");
  expect([response.status, response.headers.get("location")]).toEqual([301, "/v1.51/echo/a/json?all=1"]);
});

async function* stream<T>(...items: T[]): AsyncGenerator<T> {
  yield* items;
}

async function* failingStream(...items: object[]): AsyncGenerator<object> {
  yield* items;
  throw new EngineError("not_found", "manifest unknown");
}
