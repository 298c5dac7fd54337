import { expect, test } from "bun:test";
import { dockerArchive, type FakeImage, fakeImage } from "../../../test/fake/image.ts";
import { FakeRegistry } from "../../../test/fake/registry.ts";
import { Stores } from "../../../test/fake/stores.ts";
import { inPieces, tarOf } from "../../../test/fake/tar.ts";
import type { Progress } from "../../api/images.ts";
import { Distribution } from "../../distribution/pull.ts";
import type { Job, JobIo } from "../../engine/job.ts";
import { Events } from "../../events/events.ts";
import type { Modules } from "../needs.ts";
import { imageImport, imageLoad } from "./archive.ts";
import { imageHistory, imageInspect, imageList } from "./list.ts";
import { imageCreate, imagePull } from "./pull.ts";
import { imageRemove } from "./remove.ts";
import { resolveImage } from "./resolve.ts";
import { imageTag } from "./tag.ts";

interface Container {
  readonly id: string;
  readonly name: string;
  readonly image: string;
  readonly running: boolean;
}

/** The image jobs over real stores; containers and events are what the test says and sees. */
class World implements AsyncDisposable {
  readonly stores: Stores;
  readonly containers: Container[] = [];
  readonly events: string[] = [];
  readonly modules: Modules;

  constructor(builtin?: () => Uint8Array) {
    this.stores = new Stores(undefined, builtin);
    const { images, layers, references, log } = this.stores;
    const events = new Events();
    events.emit = (type, action, id) => void this.events.push(`${type} ${action} ${id}`);
    const distribution = new Distribution({ images, layers, references, log });
    const containers = { list: () => this.containers };
    this.modules = {
      images,
      layers,
      references,
      log,
      events,
      distribution,
      containers,
    } as unknown as Modules;
  }

  async run<I, O>(job: Job<Modules, I, O> | Job<never, I, O>, input: NoInfer<I>): Promise<O> {
    const io: JobIo = {
      signal: new AbortController().signal,
      log: this.stores.log,
      run: (other, value) => this.run(other as Job<Modules, typeof value, never>, value),
    };
    return await (job as Job<Modules, I, O>).handler(this.modules, input, io);
  }

  async load(image: FakeImage, ...names: string[]): Promise<Progress[]> {
    const body = inPieces(await dockerArchive(image, names), 1000);
    return await Array.fromAsync(await this.run(imageLoad, { body, quiet: true }));
  }

  use(image: string, running = false): void {
    const id = String(this.containers.length).repeat(64);
    this.containers.push({ id, name: `c${this.containers.length}`, image, running });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stores[Symbol.asyncDispose]();
  }
}

const one = () => fakeImage([[{ name: "f", content: "x" }]]);

test("load: says what it loaded, and tells an event", async () => {
  await using world = new World();
  const image = await one();
  expect(await world.load(image, "a:1", "b")).toEqual([
    { stream: "Loaded image: a:1\n" },
    { stream: "Loaded image: b:latest\n" },
  ]);
  expect(world.events).toEqual([`image load ${image.id}`]);
  const nameless = await fakeImage([[{ name: "g" }]]);
  expect(await world.load(nameless)).toEqual([{ stream: `Loaded image ID: ${nameless.id}\n` }]);
});

test("load: counts layers unless it is to be quiet", async () => {
  await using world = new World();
  const image = await one();
  const body = inPieces(await dockerArchive(image, ["a"]), 1000);
  const lines = await Array.fromAsync(await world.run(imageLoad, { body }));
  expect(lines[0]).toMatchObject({
    status: "Loading layer",
    progressDetail: { total: image.layers[0]!.length },
  });
});

test("list, inspect, history: an image as Docker shows it", async () => {
  await using world = new World();
  const image = await fakeImage([[{ name: "f", content: "12345" }], [{ name: "g", content: "67" }]]);
  await world.load(image, "a:1", "me/b");
  world.use(image.id);
  expect(await world.run(imageList, {})).toEqual([
    {
      Id: image.id,
      ParentId: "",
      RepoTags: ["a:1", "me/b:latest"],
      RepoDigests: [],
      Created: 1704067200,
      Size: 7,
      SharedSize: -1,
      Labels: null,
      Containers: 1,
    },
  ]);
  expect(await world.run(imageInspect, { name: "a:1" })).toMatchObject({
    Id: image.id,
    RepoTags: ["a:1", "me/b:latest"],
    Created: "2024-01-01T00:00:00Z",
    Size: 7,
    Config: { Cmd: ["sh"], Env: ["A=b"], Entrypoint: null },
    RootFS: { Type: "layers" },
  });
  const history = await world.run(imageHistory, { name: image.id.slice(7, 19) });
  expect(history.map(({ Id, CreatedBy, Size }) => [Id, CreatedBy, Size])).toEqual([
    [image.id, "step 1", 2],
    ["<missing>", "step 0", 5],
  ]);
});

test("list: filters", async () => {
  await using world = new World();
  const [old, young] = [
    await fakeImage([[{ name: "f" }]], {
      config: { created: "2020-01-01T00:00:00Z", config: { Labels: { a: "b" } } },
    }),
    await fakeImage([[{ name: "g" }]]),
  ];
  await world.load(old, "me/old:1");
  await world.load(young);
  const ids = async (filters: object) =>
    (await world.run(imageList, { filters: JSON.stringify(filters) })).map(({ Id }) => Id);
  expect(await ids({ dangling: ["true"] })).toEqual([young.id]);
  expect(await ids({ label: ["a=b"] })).toEqual([old.id]);
  expect(await ids({ "label!": ["a"] })).toEqual([young.id]);
  expect(await ids({ reference: ["me/*"] })).toEqual([old.id]);
  expect(await ids({ reference: ["*"] })).toEqual([]);
  expect(await ids({ since: ["me/old:1"] })).toEqual([young.id]);
  expect(await ids({ before: [young.id] })).toEqual([old.id]);
  expect(await ids({ until: ["2021-01-01"] })).toEqual([old.id]);
  await expect(ids({ bad: ["x"] })).rejects.toThrow("invalid filter 'bad'");
});

test("tag: one more name; a name moves; digests and bad names are refused", async () => {
  await using world = new World();
  const [first, second] = [await one(), await fakeImage([[{ name: "g" }]])];
  await world.load(first, "a");
  await world.load(second, "b");
  await world.run(imageTag, { name: "a", repo: "x/y", tag: "z" });
  expect(resolveImage(world.modules, "x/y:z").id).toBe(first.id);
  await world.run(imageTag, { name: "b", repo: "x/y", tag: "z" });
  expect(resolveImage(world.modules, "x/y:z").id).toBe(second.id);
  await expect(world.run(imageTag, { name: "a", repo: `x@sha256:${"0".repeat(64)}` })).rejects.toThrow(
    "digest reference",
  );
  await expect(world.run(imageTag, { name: "a", repo: "X" })).rejects.toThrow("must be lowercase");
  await expect(world.run(imageTag, { name: "no", repo: "x" })).rejects.toThrow("No such image: no:latest");
});

test("remove: the last name takes the image with it, others stay", async () => {
  await using world = new World();
  const image = await one();
  await world.load(image, "a", "b");
  expect(await world.run(imageRemove, { name: "a" })).toEqual([{ Untagged: "a:latest" }]);
  expect(await world.run(imageRemove, { name: "b" })).toEqual([
    { Untagged: "b:latest" },
    { Deleted: image.id },
    { Deleted: JSON.parse(Buffer.from(image.config).toString()).rootfs.diff_ids[0] },
  ]);
  expect(world.stores.folders()).toEqual([]);
  expect(world.events.slice(1)).toEqual([
    `image untag ${image.id}`,
    `image untag ${image.id}`,
    `image delete ${image.id}`,
  ]);
});

test("remove: layers that another image has stay", async () => {
  await using world = new World();
  const below = [{ name: "f", content: "x" }];
  const [base, top] = [await fakeImage([below]), await fakeImage([below, [{ name: "g" }]])];
  await world.load(base, "base");
  await world.load(top, "top");
  expect(await world.run(imageRemove, { name: "base" })).toHaveLength(2);
  expect(await world.run(imageRemove, { name: "top" })).toHaveLength(4);
  expect(world.stores.folders()).toEqual([]);
});

test("remove: conflicts in Docker's words", async () => {
  await using world = new World();
  const image = await one();
  const short = image.id.slice(7, 19);
  await world.load(image, "a", "me/b");
  await expect(world.run(imageRemove, { name: short })).rejects.toThrow(
    `conflict: unable to delete ${short} (must be forced) - image is referenced in multiple repositories`,
  );
  await world.run(imageRemove, { name: "me/b" });
  world.use(image.id);
  await expect(world.run(imageRemove, { name: "a" })).rejects.toThrow(
    `conflict: unable to remove repository reference "a" (must force) - container 000000000000 is using its referenced image ${short}`,
  );
  await expect(world.run(imageRemove, { name: short })).rejects.toThrow(
    `conflict: unable to delete ${short} (must be forced) - image is being used by stopped container 000000000000`,
  );
  world.use(image.id, true);
  await expect(world.run(imageRemove, { name: short, force: true })).rejects.toThrow(
    `conflict: unable to delete ${short} (cannot be forced) - image is being used by running container 111111111111`,
  );
  expect(await world.run(imageRemove, { name: "a", force: true })).toEqual([{ Untagged: "a:latest" }]);
  expect(world.stores.images.count()).toBe(1);
  await expect(world.run(imageRemove, { name: "none" })).rejects.toThrow("No such image: none:latest");
});

test("import: a tar becomes an image of one layer with the changes", async () => {
  await using world = new World();
  const body = inPieces(await tarOf({ name: "f", content: "hello" }), 500);
  const changes = ['CMD ["x"]', "ENV A=b"];
  const lines = await Array.fromAsync(
    await world.run(imageCreate, { fromSrc: "-", repo: "im", tag: "1", changes, body }),
  );
  const image = resolveImage(world.modules, "im:1");
  expect(lines).toEqual([{ status: image.id }]);
  expect(image.config).toMatchObject({
    config: { Cmd: ["x"], Env: ["A=b"] },
    history: [{ comment: "Imported from -" }],
  });
  expect(world.events).toEqual([`image import ${image.id}`]);
});

test("import: a bad change or a broken tar leaves nothing", async () => {
  await using world = new World();
  const body = () => inPieces(Buffer.from("no tar at all".repeat(100)), 500);
  await expect(world.run(imageImport, { source: "-", changes: ["RUN x"], body: body() })).rejects.toThrow(
    "not a valid change",
  );
  await expect(world.run(imageImport, { source: "-", body: body() })).rejects.toThrow("invalid tar header");
  expect(world.stores.images.count()).toBe(0);
  expect(world.stores.folders()).toEqual([]);
});

test("pull: the lines of Docker's progress stream", async () => {
  await using world = new World();
  await using registry = new FakeRegistry();
  const image = await one();
  const digest = registry.put("a/b", "v1", image);
  const name = `${registry.host}/a/b`;
  const lines = await Array.fromAsync(await world.run(imageCreate, { fromImage: name, tag: "v1" }));
  expect(lines[0]).toEqual({ status: "Pulling from a/b", id: "v1" });
  expect(lines[1]).toMatchObject({ status: "Pulling fs layer", progressDetail: {} });
  expect(lines.slice(-2)).toEqual([
    { status: `Digest: ${digest}` },
    { status: `Status: Downloaded newer image for ${name}:v1` },
  ]);
  expect(world.events).toEqual([`image pull ${name}:v1`]);
  const again = await Array.fromAsync(await world.run(imagePull, { name, tag: digest }));
  expect(again.at(-1)).toEqual({ status: `Status: Image is up to date for ${name}@${digest}` });
  expect(await world.run(imageRemove, { name: `${name}:v1` })).toHaveLength(4);
});

test("pull: without a tag all tags come", async () => {
  await using world = new World();
  await using registry = new FakeRegistry();
  registry.put("a", "1", await one());
  registry.put("a", "2", await fakeImage([[{ name: "g" }]]));
  await Array.fromAsync(await world.run(imagePull, { name: `${registry.host}/a` }));
  expect(world.stores.references.all().filter(({ reference }) => reference.tag)).toHaveLength(2);
});

test("resolve: by name, id and prefix; the embedded image is there when its name is asked for", async () => {
  const embedded = await dockerArchive(await fakeImage([[{ name: "hello" }]]), ["hello:latest"], "old");
  await using world = new World(() => embedded);
  const image = await one();
  await world.load(image, "a:1");
  for (const name of [
    "a:1",
    "docker.io/library/a:1",
    image.id,
    image.id.slice(7),
    image.id.slice(7, 20),
    image.id.slice(0, 20),
  ])
    expect(resolveImage(world.modules, name).id).toBe(image.id);
  expect(() => resolveImage(world.modules, "a")).toThrow("No such image: a:latest");
  expect(() => resolveImage(world.modules, "hello:2")).toThrow("No such image: hello:2");
  expect(world.stores.images.count()).toBe(1);
  expect(resolveImage(world.modules, "hello").chainId).toBeDefined();
  expect(resolveImage(world.modules, "hello:latest").id).toBe(resolveImage(world.modules, "hello").id);
  await world.run(imageRemove, { name: "hello" });
  expect(world.stores.images.count()).toBe(1);
});
