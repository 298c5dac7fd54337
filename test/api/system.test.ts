import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { duplex, endpoint, type Hijack, lines, optionalBody } from "../../src/api/endpoint.ts";
import { MULTIPLEXED_STREAM } from "../../src/api/streams.ts";
import * as api from "../../src/api/system.ts";
import { notFound } from "../../src/base/errors.ts";
import { Log } from "../../src/base/log.ts";
import { Engine } from "../../src/engine/engine.ts";
import { job } from "../../src/engine/job.ts";
import { ping, version } from "../../src/jobs/system/version.ts";
import { on } from "../../src/server/route.ts";
import { router } from "../../src/server/router.ts";
import { Server } from "../../src/server/serve.ts";

const folder = mkdtempSync(join(tmpdir(), "bunker-api-"));
const socket = join(folder, "engine.sock");
const errors: string[] = [];
const log = new Log("error", (line) => void errors.push(line));
const route = on<object>();

/** What the jobs below saw. */
const seen: { body?: object; aborted?: boolean } = {};

/** Sends back what comes in, then says goodbye. */
const echo: Hijack = {
  contentType: MULTIPLEXED_STREAM,
  async run(peer) {
    for await (const chunk of peer.input) await peer.write(chunk);
    await peer.write(Buffer.from("bye"));
  },
};

const attach = job("attach", async (_, input: { id: string; body?: object }): Promise<Hijack> => {
  if (input.id === "none") throw notFound("container", "none");
  seen.body = input.body;
  return echo;
});

const ticks = job("ticks", async (_, _input: object, io): Promise<AsyncIterable<object>> => {
  io.signal.addEventListener("abort", () => {
    seen.aborted = true;
  });
  return endless(io.signal);
});

/** As fast as it is read. */
async function* endless(signal: AbortSignal): AsyncGenerator<object> {
  const padding = "x".repeat(64 * 1024);
  for (let tick = 0; !signal.aborted; tick++) yield { tick, padding };
}

const silent = job(
  "silent",
  async (_, _input: object, io): Promise<AsyncIterable<object>> => quiet(io.signal),
);

/** Says nothing until it is told to stop. */
async function* quiet(signal: AbortSignal): AsyncGenerator<object> {
  await new Promise((resolve) => signal.addEventListener("abort", resolve));
}

const routes = [
  route(api.ping, ping),
  route(api.pingHead, ping),
  route(api.version, version),
  route(endpoint("POST", "/exec/{id}/start", { body: optionalBody<object>(), answer: duplex() }), attach),
  route(endpoint("GET", "/ticks", { answer: lines<object>() }), ticks),
  route(endpoint("GET", "/silent", { answer: lines<object>() }), silent),
];

const engine = new Engine<object>(log);
for (const { job } of new Map(routes.map((one) => [one.job.name, one])).values()) engine.register(job);
const server = new Server(router(routes, engine, "bunker/test (linux)", log), log);

beforeAll(async () => {
  await server.listen({ hosts: [{ kind: "unix", path: socket }], group: "docker" });
});

afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

const get = (path: string, init: RequestInit = {}) =>
  fetch(`http://engine${path}`, { ...init, unix: socket });

test("serve: connections are accepted at once, requests wait until the daemon is loaded", async () => {
  let answered = false;
  const early = get("/_ping").then((response) => {
    answered = true;
    return response.text();
  });
  await Bun.sleep(20);
  expect(answered).toBe(false);
  server.accept();
  expect(await early).toBe("OK");
});

test("serve: the socket is closed to others", () => {
  expect((statSync(socket).mode & 0o777).toString(8)).toBe("660");
});

test("serve: ping says what clients negotiate by, in GET and HEAD", async () => {
  const expected = {
    "api-version": "1.51",
    "builder-version": "1",
    "cache-control": "no-cache, no-store, must-revalidate",
    "docker-experimental": "false",
    ostype: "linux",
    pragma: "no-cache",
    server: "bunker/test (linux)",
    swarm: "inactive",
    "content-type": "text/plain; charset=utf-8",
  };
  const answer = await get("/v1.51/_ping");
  expect(Object.fromEntries(answer.headers)).toMatchObject({ ...expected, "content-length": "2" });
  expect(await answer.text()).toBe("OK");
  const head = await get("/_ping", { method: "HEAD" });
  expect(Object.fromEntries(head.headers)).toMatchObject({ ...expected, "content-length": "0" });
});

test("serve: version has every field that Docker's client reads", async () => {
  const answer = (await (await get("/version")).json()) as api.VersionAnswer;
  expect(Object.keys(answer)).toEqual([
    "Platform",
    "Components",
    "Version",
    "ApiVersion",
    "MinAPIVersion",
    "GitCommit",
    "GoVersion",
    "Os",
    "Arch",
    "KernelVersion",
    "BuildTime",
  ]);
});

test("serve: a stream that has nothing to say sends its head at once", async () => {
  const caller = new AbortController();
  const answer = await get("/silent", { signal: caller.signal });
  expect(answer.status).toBe(200);
  caller.abort();
});

test("serve: a stream waits for its reader, and stops when the reader hangs up", async () => {
  const client = connect(socket);
  client.write("GET /ticks HTTP/1.1\r\nHost: engine\r\n\r\n");
  await new Promise((resolve) => client.once("data", resolve));
  client.pause();
  const before = process.memoryUsage.rss();
  await Bun.sleep(200);
  expect(process.memoryUsage.rss() - before).toBeLessThan(64 * 1024 * 1024);
  client.destroy();
  for (let tries = 0; !seen.aborted && tries < 100; tries++) await Bun.sleep(10);
  expect(seen.aborted).toBe(true);
});

test("serve: a client that hangs up within its body is no error of ours", async () => {
  const client = connect(socket);
  client.write(
    "POST /exec/a/start HTTP/1.1\r\nHost: engine\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
  );
  await Bun.sleep(20);
  client.destroy();
  for (let tries = 0; server.active > 0 && tries < 100; tries++) await Bun.sleep(10);
  expect(server.active).toBe(0);
  expect(errors).toEqual([]);
});

/** Asks for a hijack; what it resolves with is the answer's head and the connection behind it. */
async function hijack(
  path: string,
  headers: string,
  body = "",
): Promise<{ head: string; client: Socket; rest: Buffer }> {
  const client = connect({ path: socket, allowHalfOpen: true });
  client.write(`POST ${path} HTTP/1.1\r\nHost: engine\r\n${headers}\r\n${body}`);
  let text = Buffer.alloc(0);
  while (!text.includes("\r\n\r\n")) {
    const chunk = await new Promise<Buffer>((resolve) => client.once("data", resolve));
    text = Buffer.concat([text, chunk]);
  }
  client.pause();
  const at = text.indexOf("\r\n\r\n") + 4;
  return { head: text.subarray(0, at).toString(), client, rest: text.subarray(at) };
}

const UPGRADE = "Connection: Upgrade, Upgrade: tcp\r\nUpgrade: tcp\r\n";

async function readAll(client: Socket, first: Buffer): Promise<Buffer> {
  const chunks = [first];
  for await (const chunk of client) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

test("upgrade: exec's options are read from the request, its input from the connection, half closed", async () => {
  const body = '{"Detach":false,"Tty":true}';
  const json = `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n`;
  const { head, client, rest } = await hijack("/v1.51/exec/a/start", UPGRADE + json, `${body}early `);
  expect(head.split("\r\n")[0]).toBe("HTTP/1.1 101 UPGRADED");
  for (const line of [
    `Content-Type: ${MULTIPLEXED_STREAM}`,
    "Connection: Upgrade",
    "Upgrade: tcp",
    "Api-Version: 1.51",
  ])
    expect(head).toContain(`${line}\r\n`);
  client.end("late ");
  expect((await readAll(client, rest)).toString()).toBe("early late bye");
  expect(seen.body).toEqual({ Detach: false, Tty: true });
});

test("upgrade: 50 MB go both ways, byte for byte, and a slow reader holds them back", async () => {
  const { client, rest } = await hijack("/v1.51/exec/a/start", UPGRADE);
  const block = crypto.getRandomValues(new Uint8Array(65536));
  const sent = new Bun.CryptoHasher("sha256");
  const write = async () => {
    for (let count = 0; count < 800; count++) {
      block[0] = count & 255;
      sent.update(block);
      if (!client.write(Buffer.from(block))) await new Promise((resolve) => client.once("drain", resolve));
    }
    client.end();
  };
  const before = process.memoryUsage.rss();
  const writing = write();
  await Bun.sleep(100);
  expect(process.memoryUsage.rss() - before).toBeLessThan(64 * 1024 * 1024);
  const back = await readAll(client, rest);
  await writing;
  expect(back.subarray(-3).toString()).toBe("bye");
  expect(back.length).toBe(800 * 65536 + 3);
  expect(new Bun.CryptoHasher("sha256").update(back.subarray(0, -3)).digest("hex")).toBe(sent.digest("hex"));
});

test("upgrade: a caller that did not ask for one gets 200 and the bare stream", async () => {
  const type = "Content-Length: 6\r\nContent-Type: application/json\r\n";
  const { head, client, rest } = await hijack("/v1.41/exec/a/start", type, "{}    ");
  expect(head).toStartWith("HTTP/1.1 200 OK\r\n");
  expect(head).toContain("Content-Type: application/vnd.docker.raw-stream\r\n");
  expect(head).not.toContain("chunked");
  expect((await readAll(client, rest)).toString()).toBe("bye");
});

test("upgrade: an error is an ordinary answer, and so is a route that hijacks nothing", async () => {
  const missing = await hijack("/exec/none/start", UPGRADE);
  expect(missing.head).toStartWith("HTTP/1.1 404 Not Found\r\n");
  expect((await readAll(missing.client, missing.rest)).toString()).toBe(
    '{"message":"No such container: none"}\n',
  );
  const client = connect(socket);
  client.write(
    "GET /_ping HTTP/1.1\r\nHost: engine\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n\r\n",
  );
  expect((await readAll(client, Buffer.alloc(0))).toString()).toEndWith("\r\n\r\nOK");
});

test("serve: a socket that another program listens on is refused, a stale one replaced", async () => {
  const second = new Server(router(routes, engine, "second", log), log);
  const input = { hosts: [{ kind: "unix" as const, path: socket }], group: "docker" };
  await expect(second.listen(input)).rejects.toThrow(
    `can't create unix socket ${socket}: another program listens on it`,
  );
  const stale = join(folder, "stale.sock");
  const dies =
    "require('net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))";
  await Bun.spawn([process.execPath, "-e", dies, stale]).exited;
  expect(statSync(stale).isSocket()).toBe(true);
  await second.listen({ ...input, hosts: [{ kind: "unix", path: stale }] });
  second.accept();
  expect(await (await fetch("http://engine/_ping", { unix: stale })).text()).toBe("OK");
  await second.close();
  expect(statSync(stale, { throwIfNoEntry: false })).toBeUndefined();
});
