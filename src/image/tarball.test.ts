import { describe, expect, test } from "bun:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { digestOf, dockerArchive, fakeImage, ociLayout } from "../../test/fake/image.ts";
import { Stores } from "../../test/fake/stores.ts";
import { inPieces, tarOf } from "../../test/fake/tar.ts";
import { loadImages } from "./tarball.ts";

const LAYERS = [
  [
    { name: "a", content: "one" },
    { name: "b", content: "two" },
  ],
  [{ name: ".wh.a" }, { name: "c", content: "three" }],
];

async function load(stores: Stores, archive: Uint8Array, piece = 4096) {
  return await loadImages(inPieces(archive, piece), {
    images: stores.images,
    layers: stores.layers,
    named: (image, names) => {
      for (const name of names) stores.references.add(name, image.id);
    },
  });
}

const nothingLeft = (stores: Stores) => {
  expect(stores.images.count()).toBe(0);
  expect(stores.folders()).toEqual([]);
  expect(stores.spooled()).toEqual([]);
};

describe("load", () => {
  test.each(["old", "new"] as const)("load: a Docker archive of the %s form", async (form) => {
    await using stores = new Stores();
    const image = await fakeImage(LAYERS);
    const [loaded] = await load(stores, await dockerArchive(image, ["a/b:1"], form));
    expect(loaded!.id).toBe(image.id);
    expect(stores.references.get("a/b:1")).toBe(image.id);
    expect(Buffer.from(stores.images.get(image.id).raw)).toEqual(Buffer.from(image.config));
    expect(stores.images.size(image.id)).toBe(11);
    expect(stores.spooled()).toEqual([]);
  });

  test.each([
    ["gzip", gzipSync],
    ["zstd", zstdCompressSync],
  ] as const)("load: an archive compressed by %s", async (_, compress) => {
    await using stores = new Stores();
    const image = await fakeImage(LAYERS);
    await load(stores, compress(await dockerArchive(image, ["x"])), 100);
    expect(stores.references.get("x")).toBe(image.id);
  });

  test.each(["none", "gzip", "zstd"] as const)(
    "load: an OCI layout with layers by %s",
    async (compression) => {
      await using stores = new Stores();
      const image = await fakeImage(LAYERS, { compression });
      const annotations = { "org.opencontainers.image.ref.name": "host:5/x:2" };
      await load(stores, await ociLayout(image, annotations));
      expect(stores.references.get("host:5/x:2")).toBe(image.id);
    },
  );

  test("load: the same layer twice in one image, and again in another", async () => {
    await using stores = new Stores();
    const empty: (typeof LAYERS)[number] = [];
    const image = await fakeImage([LAYERS[0]!, empty, empty]);
    await load(stores, await dockerArchive(image, ["x"]));
    await load(stores, await dockerArchive(image, ["y"]));
    expect(stores.images.count()).toBe(1);
    expect(stores.folders()).toHaveLength(3);
    expect(stores.spooled()).toEqual([]);
  });

  test("load: an image without layers", async () => {
    await using stores = new Stores();
    const image = await fakeImage([]);
    await load(stores, await dockerArchive(image, null));
    expect(stores.images.get(image.id).chainId).toBeUndefined();
  });

  test("load: what was loaded is there again in another process", async () => {
    await using stores = new Stores();
    const image = await fakeImage(LAYERS);
    await load(stores, await dockerArchive(image, ["x"]));
    await stores.layers.cleanUp();
    const { Images } = await import("./store.ts");
    const again = new Images(stores.graph, stores.layers);
    expect(again.get(image.id).config.config?.Cmd).toEqual(["sh"]);
    expect(again.find(image.id.slice(7, 19))?.id).toBe(image.id);
  });
});

describe("load refuses and leaves nothing", () => {
  test.each([
    ["junk", async () => Buffer.from("junk".repeat(300)), "invalid tar header"],
    ["nothing", async () => new Uint8Array(0), "empty"],
    [
      "a tar without an image",
      async () => tarOf({ name: "readme", content: "x" }),
      "the archive holds no image",
    ],
    ["Docker 1.9", async () => tarOf({ name: "repositories", content: "{}" }), "Docker 1.9 or older"],
    [
      "a manifest that is no JSON",
      async () => tarOf({ name: "manifest.json", content: "[{" }),
      "invalid manifest.json",
    ],
    [
      "a manifest of another shape",
      async () => tarOf({ name: "manifest.json", content: "[1]" }),
      "invalid manifest.json",
    ],
    ["broken gzip", async () => gzipSync(await good()).subarray(0, 200), "gzip"],
    ["an archive cut off", async () => (await good()).subarray(0, 3000), "unexpected end"],
    ["a layer of another image", swapped, "invalid diffID for layer 0"],
    ["a missing layer", missing, "the archive has no layer"],
    ["more layers than diff ids", tooMany, "layers length mismatch: expected 2, got 3"],
    ["a layer that is no tar", noTar, "invalid tar header"],
  ])("%s", async (_, archive, words) => {
    await using stores = new Stores();
    await expect(load(stores, await archive())).rejects.toThrow(words);
    nothingLeft(stores);
  });
});

const good = async () => dockerArchive(await fakeImage(LAYERS), ["x"]);

async function swapped() {
  const [one, two] = [await fakeImage(LAYERS), await fakeImage([...LAYERS].reverse())];
  return await dockerArchive({ ...one, layers: two.layers }, ["x"]);
}

async function missing() {
  const image = await fakeImage(LAYERS);
  const config = `${image.id.slice(7)}.json`;
  const manifest = [{ Config: config, RepoTags: ["x"], Layers: ["no/layer.tar", "no/other.tar"] }];
  return await tarOf(
    { name: config, content: image.config },
    { name: "manifest.json", content: JSON.stringify(manifest) },
  );
}

async function tooMany() {
  const image = await fakeImage(LAYERS);
  return await dockerArchive({ ...image, layers: [...image.layers, image.layers[0]!] }, ["x"]);
}

async function noTar() {
  const bad = Buffer.alloc(2000, 0x61);
  const image = await fakeImage([], { config: { history: [] } });
  const config = JSON.parse(Buffer.from(image.config).toString());
  config.rootfs.diff_ids = [digestOf(bad)];
  const manifest = [{ Config: "c.json", RepoTags: ["x"], Layers: ["l/layer.tar"] }];
  return await tarOf(
    { name: "c.json", content: JSON.stringify(config) },
    { name: "l/layer.tar", content: gzipSync(bad) },
    { name: "manifest.json", content: JSON.stringify(manifest) },
  );
}
