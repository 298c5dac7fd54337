import { afterAll, beforeAll, expect, test } from "bun:test";
import type { ContainerSummary, Stats } from "../../src/api/containers.ts";
import type { EventMessage } from "../../src/api/system.ts";
import { FakeClient } from "../fake/client.ts";

let client: FakeClient;
let seen: EventMessage[];
beforeAll(async () => {
  client = await FakeClient.start();
  seen = [];
  const events = client.engine.modules.events.subscribe({ signal: new AbortController().signal });
  void (async () => {
    for await (const event of events) seen.push(event);
  })();
});
afterAll(() => client[Symbol.asyncDispose]());

const actions = (id: string) =>
  seen
    .filter(({ Actor }) => Actor.ID === id || Actor.Attributes.container === id)
    .map(({ Type, Action }) => `${Type} ${Action}`);

test("create: what inspect shows of it is what Docker shows", async () => {
  const name = await client.make({ Cmd: ["sleep", "9"], Labels: { a: "b" } });
  const shown = await client.inspect(name);
  expect(shown).toMatchObject({
    Name: `/${name}`,
    Path: "sleep",
    Args: ["9"],
    State: { Status: "created", Running: false, Pid: 0, StartedAt: "0001-01-01T00:00:00Z" },
    Config: {
      Hostname: shown.Id.slice(0, 12),
      Env: ["PATH=/bin"],
      Cmd: ["sleep", "9"],
      Labels: { a: "b" },
      Entrypoint: null,
    },
    HostConfig: {
      NetworkMode: "bridge",
      RestartPolicy: { Name: "no", MaximumRetryCount: 0 },
      ShmSize: 67108864,
      IpcMode: "private",
    },
    LogPath: "",
    Mounts: [],
  });
  expect(shown.NetworkSettings.Networks.bridge).toMatchObject({ IPAddress: "", NetworkID: "" });
});

test("create: bad input is refused in Docker's words, and nothing is made", async () => {
  const before = client.engine.modules.containers.count;
  const refused: [object, number, string][] = [
    [{}, 400, "config cannot be empty in order to create a container"],
    [{ Image: "nosuch" }, 404, "No such image: nosuch:latest"],
    [{ Image: "busybox", Env: ["=x"] }, 400, "invalid environment variable: =x"],
    [
      { Image: "busybox", WorkingDir: "rel" },
      400,
      "the working directory 'rel' is invalid, it needs to be an absolute path",
    ],
    [{ Image: "busybox", StopSignal: "ZZ" }, 400, "invalid signal: ZZ"],
    [{ Image: "busybox", HostConfig: { Memory: 1000 } }, 400, "Minimum memory limit allowed is 6MB"],
    [
      { Image: "busybox", HostConfig: { RestartPolicy: { Name: "zz" } } },
      400,
      "invalid restart policy: unknown policy 'zz'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'",
    ],
    [
      { Image: "busybox", HostConfig: { AutoRemove: true, RestartPolicy: { Name: "always" } } },
      400,
      "can't create 'AutoRemove' container with restart policy",
    ],
    [{ Image: "busybox", HostConfig: { Binds: ["/a:/b", "/c:/b"] } }, 400, "Duplicate mount point: /b"],
    [
      { Image: "busybox", HostConfig: { Binds: ["a b:/b"] } },
      400,
      'create a b: "a b" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path',
    ],
    [
      { Image: "busybox", HostConfig: { Links: ["a:b"] } },
      501,
      "HostConfig.Links is not supported: links are not supported: put both containers on one network",
    ],
    [{ Image: "busybox", HostConfig: { Runtime: "zz" } }, 400, "unknown or invalid runtime name: zz"],
    [{ Image: "busybox", HostConfig: { ExtraHosts: ["zz"] } }, 400, 'bad format for add-host: "zz"'],
    [
      { Image: "busybox", HostConfig: { PortBindings: { "80/tcp": [{ HostPort: "zz" }] } } },
      400,
      'invalid port specification: "zz"',
    ],
  ];
  for (const [body, status, message] of refused)
    expect(await client.call("POST", "/containers/create?name=refused", body)).toEqual({
      status,
      body: { message },
    });
  expect(await client.call("POST", "/containers/create?name=x", { Image: "busybox" })).toEqual({
    status: 400,
    body: { message: "Invalid container name (x), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed" },
  });
  expect(
    (await client.call("POST", "/containers/create?platform=linux/arm64", { Image: "busybox" })).status,
  ).toBe(404);
  expect(client.engine.modules.containers.count).toBe(before);
  expect(client.engine.modules.volumes.list()).toEqual([]);
});

test("create: a taken name is a conflict", async () => {
  const name = await client.make();
  const { Id } = await client.inspect(name);
  expect(await client.call("POST", `/containers/create?name=${name}`, { Image: "busybox" })).toEqual({
    status: 409,
    body: {
      message: `Conflict. The container name "/${name}" is already in use by container "${Id}". You have to remove (or rename) that container to be able to reuse that name.`,
    },
  });
});

test("a life: start, exit, wait, logs, remove, with Docker's events", async () => {
  const name = await client.make({ Cmd: ["echo", "hi"] });
  const { Id } = await client.inspect(name);
  const wait = client.call("POST", `/containers/${name}/wait?condition=next-exit`);
  await Bun.sleep(0);
  expect((await client.call("POST", `/containers/${name}/start`)).status).toBe(204);
  expect(await wait).toEqual({ status: 200, body: { StatusCode: 0 } } as never);
  expect((await client.call("GET", `/containers/${name}/logs?stdout=1`)).body as unknown).toBe(
    "\x01\0\0\0\0\0\0\x03hi\n",
  );
  expect((await client.inspect(name)).State).toMatchObject({ Status: "exited", ExitCode: 0, Running: false });
  expect((await client.call("DELETE", `/containers/${name}`)).status).toBe(204);
  expect(await client.call("GET", `/containers/${name}/json`)).toEqual({
    status: 404,
    body: { message: `No such container: ${name}` },
  });
  await Bun.sleep(0);
  expect(actions(Id)).toEqual([
    "container create",
    "network connect",
    "container start",
    "network disconnect",
    "container die",
    "container destroy",
  ]);
});

test("verbs out of order are refused in Docker's words", async () => {
  const name = await client.make({ Cmd: ["sleep"] });
  const { Id } = await client.inspect(name);
  const says = async (method: string, path: string, status: number, message?: string) =>
    expect(
      await client.call(method, `/containers/${path}`, path.endsWith("exec") ? { Cmd: ["true"] } : undefined),
    ).toEqual({ status, body: (message === undefined ? "" : { message }) as never });
  await says("POST", `${name}/stop`, 304);
  await says("POST", `${name}/kill`, 409, `cannot kill container: ${name}: container ${Id} is not running`);
  await says("POST", `${name}/pause`, 409, `container ${Id} is not running`);
  await says("POST", `${name}/exec`, 409, `container ${Id} is not running`);
  await says("POST", `${name}/resize?h=1&w=1`, 409, `container ${Id} is not running`);
  await says("GET", `${name}/top`, 409, `container ${Id} is not running`);
  await says("POST", `${name}/start`, 204);
  await says("POST", `${name}/start`, 304);
  await says(
    "DELETE",
    name,
    409,
    `cannot remove container "${name}": container is running: stop the container before removing or force remove`,
  );
  await says("POST", `${name}/kill?signal=ZZ`, 400, `cannot kill container: ${name}: invalid signal: ZZ`);
  await says("POST", `${name}/unpause`, 500, `Container ${Id} is not paused`);
  await says("POST", `${name}/pause`, 204);
  await says("POST", `${name}/pause`, 409, `Container ${Id} is already paused`);
  await says("POST", `${name}/start`, 409, "cannot start a paused container, try unpause instead");
  await says("POST", `${name}/exec`, 409, `Container ${name} is paused, unpause the container before exec`);
  await says(
    "DELETE",
    name,
    409,
    `cannot remove container "${name}": container is paused and must be unpaused first`,
  );
  await says("POST", `${name}/unpause`, 204);
  await says("POST", `${name}/rename?name=`, 400, "Neither old nor new names may be empty");
  await says(
    "POST",
    `${name}/rename?name=${name}`,
    400,
    "Renaming a container with the same name as its current name",
  );
  await says("POST", `${name}/wait?condition=zz`, 400, 'invalid condition: "zz"');
  await says("GET", `${name}/logs`, 400, "Bad parameters: you must choose at least one stream");
  await says("POST", `${name}/resize?h=1`, 400, 'invalid resize width "": invalid syntax');
  await says("DELETE", `${name}?force=1`, 204);
});

test("start: a command that is not there leaves the container created, with the reason and 127", async () => {
  const name = await client.make({ Cmd: ["nonexist"] });
  const message = 'failed to create task for container: exec: "nonexist": executable file not found in $PATH';
  expect(await client.call("POST", `/containers/${name}/start`)).toEqual({ status: 400, body: { message } });
  expect((await client.inspect(name)).State).toMatchObject({
    Status: "created",
    ExitCode: 127,
    Error: message,
  });
  expect(client.engine.modules.networks.endpoint((await client.inspect(name)).Id)).toBeUndefined();
});

test("stop: what ignores its signal is killed after its grace", async () => {
  const name = await client.make({ Cmd: ["stubborn"] });
  const { Id } = await client.inspect(name);
  await client.call("POST", `/containers/${name}/start`);
  expect((await client.call("POST", `/containers/${name}/stop?t=0`)).status).toBe(204);
  expect((await client.inspect(name)).State).toMatchObject({ Status: "exited", ExitCode: 137 });
  await Bun.sleep(0);
  expect(actions(Id).slice(3)).toEqual([
    "container kill",
    "container kill",
    "network disconnect",
    "container die",
    "container stop",
  ]);
});

test("stop: a paused container is woken to die", async () => {
  const name = await client.make({ Cmd: ["sleep"] });
  await client.call("POST", `/containers/${name}/start`);
  await client.call("POST", `/containers/${name}/pause`);
  expect((await client.call("POST", `/containers/${name}/stop`)).status).toBe(204);
  expect((await client.inspect(name)).State).toMatchObject({
    Status: "exited",
    Paused: false,
    ExitCode: 143,
  });
});

test("--rm: the engine removes it, with its anonymous volume, and tells who waits", async () => {
  const name = await client.make({
    Cmd: ["exit", "3"],
    Volumes: { "/v": {} },
    HostConfig: { AutoRemove: true },
  });
  const [mount] = (await client.inspect(name)).Mounts;
  expect(mount).toMatchObject({ Type: "volume", Destination: "/v", Driver: "local", Mode: "", RW: true });
  const wait = client.call("POST", `/containers/${name}/wait?condition=removed`);
  await Bun.sleep(0);
  await client.call("POST", `/containers/${name}/start`);
  expect((await wait).body as unknown).toEqual({ StatusCode: 3 });
  expect((await client.call("GET", `/containers/${name}/json`)).status).toBe(404);
  expect((await client.call("GET", `/volumes/${mount!.Name}`)).status).toBe(404);
});

test("restart policy: on-failure runs again so often, then stays down with its code", async () => {
  const name = await client.make({
    Cmd: ["exit", "2"],
    HostConfig: { RestartPolicy: { Name: "on-failure", MaximumRetryCount: 1 } },
  });
  await client.call("POST", `/containers/${name}/start`);
  await client.reach(name, "exited");
  expect(await client.inspect(name)).toMatchObject({
    RestartCount: 1,
    State: { Status: "exited", ExitCode: 2 },
  });
});

test("restart policy: a container that waits for its restart is stopped by stop", async () => {
  const name = await client.make({ Cmd: ["false"], HostConfig: { RestartPolicy: { Name: "always" } } });
  await client.call("POST", `/containers/${name}/start`);
  await client.reach(name, "restarting");
  expect((await client.inspect(name)).State).toMatchObject({ Running: true, Restarting: true, Pid: 0 });
  expect((await client.call("POST", `/containers/${name}/stop`)).status).toBe(204);
  await Bun.sleep(150);
  expect((await client.inspect(name)).State).toMatchObject({ Status: "exited", Running: false });
});

test("list: filters, and Docker's words for bad ones", async () => {
  const name = await client.make({
    Cmd: ["sleep"],
    Labels: { list: "me" },
    ExposedPorts: { "80/tcp": {} },
    HostConfig: { PortBindings: { "80/tcp": [{ HostPort: "8080" }] } },
  });
  await client.call("POST", `/containers/${name}/start`);
  const list = async (filters: object, query = "") =>
    (
      await client.call<ContainerSummary[]>(
        "GET",
        `/containers/json?filters=${encodeURIComponent(JSON.stringify(filters))}${query}`,
      )
    ).body;
  for (const filters of [
    { label: ["list=me"] },
    { name: [name] },
    { publish: ["8080"], status: ["running"], name: [name] },
    { expose: ["80/tcp"], ancestor: ["busybox"], name: [name] },
    { network: ["bridge"], name: [name] },
  ])
    expect((await list(filters)).map(({ Names }) => Names)).toEqual([[`/${name}`]]);
  for (const filters of [
    { label: ["list=you"] },
    { ancestor: ["nosuch"] },
    { exited: ["0"], name: [name] },
    { volume: ["v"], name: [name] },
    { health: ["healthy"] },
  ])
    expect(await list(filters)).toEqual([]);
  const [shown] = await list({ name: [name] });
  expect(shown).toMatchObject({
    Image: "busybox",
    Command: "sleep",
    State: "running",
    Status: "Up Less than a second",
    Ports: [{ IP: "0.0.0.0", PrivatePort: 80, PublicPort: 8080, Type: "tcp" }],
  });
  expect((await list({ status: ["zz"] })) as unknown).toEqual({
    message:
      "invalid filter 'status=zz': invalid value for state (zz): must be one of created, running, paused, restarting, removing, exited, dead",
  });
  expect((await list({ before: ["nosuch"] })) as unknown).toEqual({ message: "No such container: nosuch" });
  expect(await list({}, "&limit=1&all=1")).toHaveLength(1);
  await client.call("DELETE", `/containers/${name}?force=1`);
});

test("volumes: named ones are made and kept, in use they are not removed", async () => {
  const name = await client.make({ HostConfig: { Binds: ["named:/n:ro", "/tmp:/t"] } });
  const { Id, Mounts } = await client.inspect(name);
  expect(Mounts).toMatchObject([
    { Type: "volume", Name: "named", Destination: "/n", Mode: "ro", RW: false },
    { Type: "bind", Source: "/tmp", Destination: "/t", Propagation: "rprivate" },
  ]);
  expect(await client.call("DELETE", "/volumes/named")).toEqual({
    status: 409,
    body: { message: `remove named: volume is in use - [${Id}]` },
  });
  await client.call("DELETE", `/containers/${name}?v=1`);
  expect((await client.call("DELETE", "/volumes/named")).status).toBe(204);
  expect(await client.call("DELETE", "/volumes/named")).toEqual({
    status: 404,
    body: { message: "get named: no such volume" },
  });
});

test("stats and top of a running container, and of one that does not run", async () => {
  const name = await client.make({ Cmd: ["sleep"] });
  const once = async () =>
    (await client.call<Stats>("GET", `/containers/${name}/stats?stream=0&one-shot=1`)).body;
  expect(await once()).toMatchObject({
    name: `/${name}`,
    read: "0001-01-01T00:00:00Z",
    pids_stats: {},
    memory_stats: {},
  });
  await client.call("POST", `/containers/${name}/start`);
  client.process(name);
  expect(await once()).toMatchObject({
    cpu_stats: { cpu_usage: { total_usage: 5 } },
    memory_stats: { usage: 4096, limit: 8192 },
    pids_stats: { current: 1 },
  });
  const { body } = await client.call<{ Titles: string[]; Processes: string[][] }>(
    "GET",
    `/containers/${name}/top?ps_args=-o%20pid`,
  );
  expect(body).toEqual({ Titles: ["PID"], Processes: [[String(process.pid)]] });
});

test("prune: only what does not run, by its label", async () => {
  const old = await client.make({ Labels: { prune: "1" } });
  const { Id } = await client.inspect(old);
  await client.make({ Labels: { prune: "2" } });
  const filters = encodeURIComponent(JSON.stringify({ label: ["prune=1"] }));
  expect((await client.call("POST", `/containers/prune?filters=${filters}`)).body as unknown).toEqual({
    ContainersDeleted: [Id],
    SpaceReclaimed: expect.any(Number),
  });
});

test("trace: the steps of the last start", async () => {
  const name = await client.make({ Cmd: ["true"] });
  await client.call("POST", `/containers/${name}/start`);
  const { body } = await client.call<{ step: string; micros: number }[]>("GET", `/containers/${name}/trace`);
  expect(body.map(({ step }) => step)).toEqual(["rootfs", "network", "spec", "run", "record"]);
});
