import { afterAll, beforeAll, expect, test } from "bun:test";
import type { ExecInspect } from "../../src/api/containers.ts";
import { FakeClient } from "../fake/client.ts";

let client: FakeClient;
beforeAll(async () => {
  client = await FakeClient.start();
});
afterAll(() => client[Symbol.asyncDispose]());

test("attach: before the start, output and input, end of file inside", async () => {
  const name = await client.make({ Cmd: ["cat"], OpenStdin: true, StdinOnce: true });
  const {
    client: peer,
    reply,
    rest,
  } = await client.hijack(`/containers/${name}/attach?stream=1&stdin=1&stdout=1&stderr=1`);
  expect(reply.status).toBe(101);
  await client.call("POST", `/containers/${name}/start`);
  await peer.write(Buffer.from("hello"));
  peer.end();
  expect(await rest()).toBe("\x01\0\0\0\0\0\0\x05hello");
  await client.reach(name, "exited");
  expect((await client.inspect(name)).State).toMatchObject({ Status: "exited", ExitCode: 0 });
});

test("attach: with a terminal raw bytes, sizes, and detach keys that leave it running", async () => {
  const name = await client.make({ Cmd: ["cat"], OpenStdin: true, Tty: true });
  await client.call("POST", `/containers/${name}/start`);
  const { client: peer, done } = await client.hijack(`/containers/${name}/attach?stream=1&stdin=1&stdout=1`);
  await peer.write(Buffer.from("a"));
  const { value } = await peer.input[Symbol.asyncIterator]().next();
  expect(Buffer.from(value!).toString()).toBe("a");
  expect((await client.call("POST", `/containers/${name}/resize?h=40&w=80`)).status).toBe(200);
  expect(client.process(name).sizes).toEqual([[40, 80]]);
  await peer.write(Buffer.from("\x10\x11"));
  await done;
  expect((await client.inspect(name)).State.Running).toBe(true);
  expect((await client.hijack(`/containers/${name}/attach?stream=1&detachKeys=zzz`)).reply.status).toBe(400);
  await client.call("DELETE", `/containers/${name}?force=1`);
});

test("attach: logs are replayed first; a removed container lets go of who waits for its start", async () => {
  const name = await client.make({ Cmd: ["echo", "old"] });
  const waiting = await client.hijack(`/containers/${name}/attach?stream=1&stdout=1`);
  await client.call("POST", `/containers/${name}/start`);
  expect(await waiting.rest()).toBe("\x01\0\0\0\0\0\0\x04old\n");
  const { done, client: peer } = await client.hijack(`/containers/${name}/attach?logs=1&stdout=1`);
  await done;
  const { value } = await peer.input[Symbol.asyncIterator]().next();
  expect(Buffer.from(value!).toString("latin1")).toBe("\x01\0\0\0\0\0\0\x04old\n");
  const other = await client.make();
  const late = await client.hijack(`/containers/${other}/attach?stream=1&stdout=1`);
  await client.call("DELETE", `/containers/${other}`);
  await late.done;
});

test("exec: output in the stream, the code when it has ended", async () => {
  const name = await client.make({ Cmd: ["sleep"] });
  await client.call("POST", `/containers/${name}/start`);
  const { body } = await client.call<{ Id: string }>("POST", `/containers/${name}/exec`, {
    Cmd: ["echo", "in"],
    AttachStdout: true,
  });
  const shown = async () => (await client.call<ExecInspect>("GET", `/exec/${body.Id}/json`)).body;
  expect(await shown()).toMatchObject({
    Running: false,
    ExitCode: null,
    ProcessConfig: { entrypoint: "echo", arguments: ["in"] },
  });
  const { rest } = await client.hijack(`/exec/${body.Id}/start`, {});
  expect(await rest()).toBe("\x01\0\0\0\0\0\0\x03in\n");
  expect(await shown()).toMatchObject({ Running: false, ExitCode: 0 });
  const again = await client.hijack(`/exec/${body.Id}/start`, {});
  expect(await again.rest()).toContain(`exec command ${body.Id} has already run\r\n`);
  expect(await client.call("POST", "/exec/nosuch/start", { Detach: true })).toEqual({
    status: 404,
    body: { message: "No such exec instance: nosuch" },
  });
  expect(await client.call("POST", `/containers/${name}/exec`, { Cmd: [] })).toEqual({
    status: 400,
    body: { message: "No exec command specified" },
  });
});

test("exec: a command that is not there: the words in the stream, 127", async () => {
  const name = await client.make({ Cmd: ["sleep"] });
  await client.call("POST", `/containers/${name}/start`);
  const { body } = await client.call<{ Id: string }>("POST", `/containers/${name}/exec`, {
    Cmd: ["nonexist"],
  });
  const { rest } = await client.hijack(`/exec/${body.Id}/start`, {});
  expect(await rest()).toContain(
    'OCI runtime exec failed: exec: "nonexist": executable file not found in $PATH\r\n',
  );
  expect((await client.call<ExecInspect>("GET", `/exec/${body.Id}/json`)).body).toMatchObject({
    ExitCode: 127,
    Running: false,
  });
  const other = await client.call<{ Id: string }>("POST", `/containers/${name}/exec`, { Cmd: ["sleep"] });
  expect(await client.call("POST", `/exec/${other.body.Id}/start`, { Detach: true })).toMatchObject({
    status: 200,
  });
  expect((await client.call<ExecInspect>("GET", `/exec/${other.body.Id}/json`)).body).toMatchObject({
    Running: true,
    ExitCode: null,
  });
  expect((await client.inspect(name)).ExecIDs).toEqual([other.body.Id]);
});
