import { afterAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { connect as connectTcp, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as system from "../../src/api/system.ts";
import { Log } from "../../src/base/log.ts";
import { Engine } from "../../src/engine/engine.ts";
import { ping } from "../../src/jobs/system/version.ts";
import { on } from "../../src/server/route.ts";
import { router } from "../../src/server/router.ts";
import { Server } from "../../src/server/serve.ts";
import * as pem from "../fake/tls.ts";

const folder = mkdtempSync(join(tmpdir(), "bunker-listen-"));
afterAll(() => rmSync(folder, { recursive: true }));

function made(log = new Log("fatal")): Server {
  const engine = new Engine<object>(log);
  engine.register(ping);
  const server = new Server(router([on<object>()(system.ping, ping)], engine, "test", log), log);
  server.accept();
  return server;
}

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const probe = createServer();
  await new Promise<void>((resolve) => probe.listen(0, "127.0.0.1", resolve));
  const { port } = probe.address() as { port: number };
  await new Promise((resolve) => probe.close(resolve));
  return port;
}

function file(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

test("listen: plain tcp is served, with a word of warning", async () => {
  const lines: string[] = [];
  const server = made(new Log("warn", (line) => void lines.push(line)));
  const port = await freePort();
  await server.listen({ hosts: [{ kind: "tcp", host: "127.0.0.1", port }], group: "" });
  expect(await (await fetch(`http://127.0.0.1:${port}/_ping`)).text()).toBe("OK");
  expect(lines.join()).toContain("open without client certificates");
  await server.close();
});

test("listen: an address that is taken is refused, and those before it are closed", async () => {
  const [first, second] = [made(), made()];
  const port = await freePort();
  const taken = { kind: "tcp" as const, host: "127.0.0.1", port };
  await first.listen({ hosts: [taken], group: "" });
  const path = join(folder, "half.sock");
  await expect(second.listen({ hosts: [{ kind: "unix", path }, taken], group: "" })).rejects.toThrow(
    "can't listen",
  );
  expect(statSync(path, { throwIfNoEntry: false })).toBeUndefined();
  await first.close();
});

test("listen: with --tlsverify only a client with a certificate of the CA gets in", async () => {
  const server = made();
  const port = await freePort();
  const tls = {
    ca: file("ca.pem", pem.ca),
    cert: file("cert.pem", pem.serverCert),
    key: file("key.pem", pem.serverKey),
    verify: true,
  };
  await server.listen({ hosts: [{ kind: "tcp", host: "127.0.0.1", port }], group: "", tls });
  const ask = (own: { cert?: string; key?: string }) =>
    new Promise<string>((resolve, reject) => {
      const asked = request({ host: "127.0.0.1", port, path: "/_ping", ca: pem.ca, ...own }, (answer) => {
        answer.on("data", (chunk: Buffer) => resolve(chunk.toString()));
        answer.on("error", reject);
      });
      asked.on("error", reject);
      asked.end();
    });
  expect(await ask({ cert: pem.clientCert, key: pem.clientKey })).toBe("OK");
  await expect(ask({})).rejects.toThrow();
  await server.close();
});

test("listen: a certificate that cannot be read is named", async () => {
  const tls = { ca: "/nope/ca.pem", cert: "/nope/cert.pem", key: "/nope/key.pem", verify: true };
  const listening = made().listen({ hosts: [{ kind: "tcp", host: "127.0.0.1", port: 1 }], group: "", tls });
  await expect(listening).rejects.toThrow("could not load the TLS certificate /nope/cert.pem");
});

test("listen: a file that is no socket is left alone", async () => {
  const path = file("file", "precious");
  await expect(made().listen({ hosts: [{ kind: "unix", path }], group: "" })).rejects.toThrow("not a socket");
});

test("listen: a group that does not exist is refused, unless it is the default", async () => {
  const hosts = [{ kind: "unix" as const, path: join(folder, "group.sock") }];
  await expect(made().listen({ hosts, group: "no-such-group" })).rejects.toThrow(
    "group no-such-group not found",
  );
});

test("listen: inherited sockets are served, and without any fd:// is refused", async () => {
  await expect(made().listen({ hosts: [{ kind: "fd", fd: undefined }], group: "" })).rejects.toThrow(
    "no sockets found via socket activation",
  );
  const parent = createServer();
  await new Promise<void>((resolve) => parent.listen(0, "127.0.0.1", resolve));
  const { port } = parent.address() as { port: number };
  const { fd } = (parent as unknown as { _handle: { fd: number } })._handle;
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "../fake/inherit.ts")], {
    stdio: ["ignore", "pipe", "inherit", fd],
    env: { ...process.env, LISTEN_FDS: "1" },
  });
  await child.stdout.getReader().read();
  parent.close();
  expect(await (await fetch(`http://127.0.0.1:${port}/_ping`)).text()).toBe("OK");
  const client = connectTcp(port, "127.0.0.1");
  client.write("GET /_ping HTTP/1.1\r\nHost: engine\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n");
  let text = "";
  for await (const chunk of client) text += chunk;
  expect(text).toEndWith("OK");
  child.kill();
  await child.exited;
});
