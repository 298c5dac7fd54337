import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { containerCreate, containerLogs, containerWait } from "../api/containers.ts";
import { imageLoad } from "../api/images.ts";
import { events, version } from "../api/system.ts";
import { addressOf } from "./address.ts";
import { Client } from "./client.ts";
import { Transport } from "./transport.ts";
import { ConnectError } from "./wire.ts";

const folder = mkdtempSync(join(tmpdir(), "bunker-"));
const path = join(folder, "engine.sock");
let connections = 0;

/** An older engine: it knows API 1.44 at most. */
const server = createServer(async (request, response) => {
  const url = request.url!;
  const json = (status: number, value: unknown) => response.writeHead(status).end(JSON.stringify(value));
  if (url === "/_ping") return response.writeHead(200, { "Api-Version": "1.44" }).end();
  if (url.startsWith("/v1.51"))
    return json(400, { message: "client version 1.51 is too new. Maximum supported API version is 1.44" });
  if (url.endsWith("/version")) return json(200, { Version: "x" });
  if (url.includes("/create")) return json(404, { message: "No such image: x:latest" });
  if (url.includes("/wait")) {
    response.flushHeaders();
    setTimeout(() => response.end('{"StatusCode":3}'), 20);
    return;
  }
  if (url.includes("/events")) {
    response.write('{"timeNano":1795308647492074759,"Ac');
    return response.end('tion":"start"}\n{"Action":"die"}\n');
  }
  if (url.includes("/load")) {
    let size = 0;
    for await (const block of request) size += block.length;
    return response.end(`{"stream":"${size}"}\r\n`);
  }
  for (let i = 0; i < 1000; i++) response.write("x".repeat(1000));
  response.end();
});
server.on("connection", () => connections++);
server.listen(path);
afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true });
});

const client = () => new Client(new Transport(addressOf({ host: `unix://${path}` }, {})));

test("client: an engine that is older is spoken to in its own version, on one kept connection", async () => {
  const one = client();
  connections = 0;
  expect((await one.call(version, {})).Version).toBe("x");
  expect(one.version).toBe("1.44");
  await one.call(version, {});
  expect(connections).toBe(1);
  one.close();
});

test("client: an error of the engine has its status, code and words", async () => {
  const failed = client().call(containerCreate, { body: {} });
  expect(failed).rejects.toMatchObject({
    status: 404,
    code: "not_found",
    message: "No such image: x:latest",
  });
});

test("client: wait resolves with its head, and later with its body", async () => {
  const { later } = await client().call(containerWait, { name: "x" });
  expect((await later).StatusCode).toBe(3);
});

test("client: events keep every digit of their time", async () => {
  const found: unknown[] = [];
  for await (const event of await client().call(events, {})) found.push(event.timeNano ?? event.Action);
  expect(found).toEqual([1795308647492074759n, "die"]);
});

test("client: a body that streams arrives whole, whatever version was agreed on", async () => {
  async function* body() {
    for (let i = 0; i < 50; i++) yield new Uint8Array(100_000);
  }
  const answers = await client().call(imageLoad, { body: body() });
  for await (const line of answers) expect(line.stream).toBe("5000000");
});

test("client: a stream that is left half read stops its connection and no other", async () => {
  const one = client();
  const { chunks } = await one.call(containerLogs, { name: "x", stdout: true });
  for await (const chunk of chunks) if (chunk.length > 0) break;
  expect((await one.call(version, {})).Version).toBe("x");
  one.close();
});

test("client: no engine is a ConnectError that says where", async () => {
  const lost = new Client(new Transport(addressOf({ host: `unix://${folder}/nope` }, {})));
  const failed = lost.call(version, {});
  expect(failed).rejects.toBeInstanceOf(ConnectError);
  expect(failed).rejects.toThrow(`Cannot connect to the Docker daemon at unix://${folder}/nope`);
});
