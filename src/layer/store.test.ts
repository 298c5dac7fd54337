import { expect, test } from "bun:test";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { digestOf } from "../../test/fake/image.ts";
import { Stores } from "../../test/fake/stores.ts";
import { inPieces, tarOf } from "../../test/fake/tar.ts";
import { chainIdsOf } from "./digest.ts";

const tar = (name: string) => tarOf({ name, content: name });
const source = async (name: string) => inPieces(await tar(name), 700);

test("register: a layer has its chain id, its diff id and its size", async () => {
  await using stores = new Stores();
  using hold = stores.layers.hold();
  const low = await stores.layers.register(await source("a"), undefined, { hold });
  const top = await stores.layers.register(await source("bb"), low.chainId, { hold });
  const diffIds = [digestOf(await tar("a")), digestOf(await tar("bb"))];
  expect([low.diffId, top.diffId]).toEqual(diffIds);
  expect(stores.layers.chain(top.chainId).map(({ chainId }) => chainId)).toEqual(chainIdsOf(diffIds));
  expect(top.chainId).toBe(digestOf(`${diffIds[0]} ${diffIds[1]}`));
  expect(top.size).toBe(2);
});

test("register: another diff id than expected leaves nothing", async () => {
  await using stores = new Stores();
  const expected = `sha256:${"0".repeat(64)}`;
  await expect(stores.layers.register(await source("a"), undefined, { expect: expected })).rejects.toThrow(
    `invalid diffID for layer: expected "${expected}"`,
  );
  expect([...stores.folders(), ...stores.spooled()]).toEqual([]);
});

test("register: canceled in the middle leaves nothing", async () => {
  await using stores = new Stores();
  const stop = new AbortController();
  const bytes = await tar("a");
  async function* slow() {
    yield bytes.subarray(0, 100);
    stop.abort();
    yield bytes.subarray(100);
  }
  await expect(stores.layers.register(slow(), undefined, { signal: stop.signal })).rejects.toThrow(
    "canceled",
  );
  expect([...stores.folders(), ...stores.spooled()]).toEqual([]);
});

test("register: a source that fails is the error that is told", async () => {
  await using stores = new Stores();
  async function* broken() {
    yield new Uint8Array(10);
    throw new Error("the wire broke");
  }
  await expect(stores.layers.register(broken(), undefined)).rejects.toThrow("the wire broke");
  expect([...stores.folders(), ...stores.spooled()]).toEqual([]);
});

test("hold: a layer that nothing refers to goes when the last hold does", async () => {
  await using stores = new Stores();
  const { layers } = stores;
  const [first, second] = [layers.hold(), layers.hold()];
  const { chainId } = await layers.register(await source("a"), undefined, { hold: first });
  second.add(chainId);
  expect(layers.release(chainId)).toEqual([]);
  first[Symbol.dispose]();
  expect(layers.get(chainId)).toBeDefined();
  second[Symbol.dispose]();
  expect(layers.get(chainId)).toBeUndefined();
});

test("mounts: a container's layer keeps its image's, is mounted, measured, and removed", async () => {
  await using stores = new Stores();
  const { layers } = stores;
  const { chainId } = await layers.register(await source("f"), undefined);
  await layers.createMount("c", chainId);
  await expect(layers.createMount("c", chainId)).rejects.toThrow("has a layer already");
  expect(layers.release(chainId)).toEqual([]);
  await layers.withMounted("c", async (root) => writeFileSync(join(root, "new"), "12345"));
  expect(await layers.changes("c")).toEqual([{ kind: 1, path: "/new" }]);
  expect(layers.rootfs("c").kind).toBe("path");
  await layers.removeMount("c");
  await layers.removeMount("c");
  expect(() => layers.rootfs("c")).toThrow("No such layer of container: c");
  expect(layers.release(chainId)).toEqual([chainId]);
  expect(stores.folders()).toEqual([]);
});

test("mounts: removal waits for who has it mounted", async () => {
  await using stores = new Stores();
  const { layers } = stores;
  await layers.createMount("c", undefined);
  const inside = Promise.withResolvers<void>();
  let removed = false;
  const use = layers.withMounted("c", async (root) => {
    await inside.promise;
    expect(removed).toBe(false);
    expect(existsSync(root)).toBe(true);
  });
  const removal = layers.removeMount("c").then(() => {
    removed = true;
  });
  inside.resolve();
  await Promise.all([use, removal]);
  expect(stores.folders()).toEqual([]);
});

test("mounts: a quota is refused where the driver has none", async () => {
  await using stores = new Stores();
  await expect(stores.layers.createMount("c", undefined, { size: 1 })).rejects.toThrow(
    "not supported by the storage driver vfs",
  );
});

test("cleanUp: after a crash what nothing refers to goes, the rest stays", async () => {
  await using stores = new Stores();
  const { layers } = stores;
  const { chainId: used } = await layers.register(await source("used"), undefined);
  const { chainId: lost } = await layers.register(await source("lost"), undefined);
  await layers.createMount("alive", used);
  await layers.createMount("dead", lost);
  stores.container("alive");
  await layers.stage(await source("half"));
  await layers.cleanUp();
  expect(layers.get(used)).toBeDefined();
  expect(layers.get(lost)).toBeUndefined();
  expect(layers.rootfs("alive")).toBeDefined();
  expect(() => layers.rootfs("dead")).toThrow();
  expect(stores.folders()).toHaveLength(2);
  expect(stores.spooled()).toEqual([]);
});
