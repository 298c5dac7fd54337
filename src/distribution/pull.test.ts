import { describe, expect, test } from "bun:test";
import { digestOf, fakeImage } from "../../test/fake/image.ts";
import { FakeRegistry, type Mischief, PASSWORD, USER } from "../../test/fake/registry.ts";
import { Stores } from "../../test/fake/stores.ts";
import { parsePlatform } from "../image/platform.ts";
import { OCI_INDEX } from "../oci/image.ts";
import { parseReference } from "../reference/reference.ts";
import type { Credentials } from "../registry/auth.ts";
import { Distribution, type PullEvent } from "./pull.ts";

const LAYERS = [
  [{ name: "a", content: "one".repeat(3000) }],
  [{ name: "b", content: "two" }],
  [{ name: "c", content: "three" }],
  [{ name: "d", content: "four" }],
];

class Client implements AsyncDisposable {
  readonly stores = new Stores();
  readonly events: PullEvent[] = [];
  readonly #distribution: Distribution;

  constructor(options: { mirrors?: string[] } = {}) {
    const { images, layers, references, log } = this.stores;
    this.#distribution = new Distribution({
      images,
      layers,
      references,
      log,
      pace: { retryDelay: 1 },
      ...options,
    });
  }

  pull(name: string, options: { signal?: AbortSignal; auth?: Credentials; platform?: string } = {}) {
    return this.#distribution.pull(parseReference(name), {
      signal: options.signal ?? new AbortController().signal,
      auth: options.auth,
      platform: options.platform === undefined ? undefined : parsePlatform(options.platform),
      progress: (event) => void this.events.push(event),
    });
  }

  statuses(digest: string): string[] {
    return this.events.flatMap((event) =>
      event.kind === "layer" && event.digest === digest ? [event.status] : [],
    );
  }

  /** Nothing of a pull that failed. */
  expectNothing(): void {
    expect(this.stores.images.count()).toBe(0);
    expect(this.stores.references.all()).toEqual([]);
    expect(this.stores.folders()).toEqual([]);
    expect(this.stores.spooled()).toEqual([]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stores[Symbol.asyncDispose]();
  }
}

async function registryWith(mischief: Mischief = {}) {
  const registry = new FakeRegistry();
  const image = await fakeImage(LAYERS);
  const digest = registry.put("a/b", "v1", image);
  registry.mischief = mischief;
  return {
    registry,
    image,
    digest,
    name: `${registry.host}/a/b:v1`,
    [Symbol.asyncDispose]: () => registry[Symbol.asyncDispose](),
  };
}

describe("pull", () => {
  test.each([
    ["OCI, gzip", {}],
    ["Docker schema 2, gzip", { docker: true }],
    ["OCI, zstd behind a type that says gzip", { compression: "zstd" }],
    ["plain layers", { compression: "none" }],
  ] as const)("pull: %s", async (_, options) => {
    await using registry = new FakeRegistry();
    await using client = new Client();
    const image = await fakeImage(LAYERS, options);
    const digest = registry.put("a/b", "v1", image);
    const pulled = await client.pull(`${registry.host}/a/b:v1`);
    expect(pulled.image.id).toBe(image.id);
    expect(pulled.newer).toBe(true);
    const { references, images, layers } = client.stores;
    expect(references.get(`${registry.host}/a/b:v1`)).toBe(image.id);
    expect(references.get(`${registry.host}/a/b@${digest}`)).toBe(image.id);
    expect(layers.chain(images.get(image.id).chainId!)).toHaveLength(4);
  });

  test("pull: the lines of a layer come in Docker's order, the fourth waits", async () => {
    await using fake = await registryWith();
    await using client = new Client();
    await client.pull(fake.name);
    const [first, , , fourth] = fake.image.blobs.slice(1).map((blob) => client.statuses(digestOf(blob)));
    expect(first).toEqual([
      "Pulling fs layer",
      "Downloading",
      "Verifying Checksum",
      "Download complete",
      "Extracting",
      "Pull complete",
    ]);
    expect(fourth!.slice(0, 2)).toEqual(["Pulling fs layer", "Waiting"]);
    const done = client.events.flatMap((event) =>
      event.kind === "layer" && event.status === "Pull complete" ? [event.digest] : [],
    );
    expect(done).toEqual(fake.image.blobs.slice(1).map(digestOf));
    expect(client.events.at(-1)).toEqual({ kind: "digest", digest: fake.digest });
  });

  test("pull: a second time nothing is downloaded, and the name is up to date", async () => {
    await using fake = await registryWith();
    await using client = new Client();
    await client.pull(fake.name);
    const before = fake.registry.blobRequests;
    expect((await client.pull(fake.name)).newer).toBe(false);
    expect(fake.registry.blobRequests).toBe(before);
  });

  test("pull: layers that another image has exist already", async () => {
    await using fake = await registryWith();
    await using client = new Client();
    const other = await fakeImage(LAYERS.slice(0, 2));
    fake.registry.put("a/b", "base", other);
    await client.pull(`${fake.registry.host}/a/b:base`);
    client.events.length = 0;
    await client.pull(fake.name);
    expect(client.statuses(digestOf(fake.image.blobs[1]!))).toEqual(["Already exists"]);
    expect(client.statuses(digestOf(fake.image.blobs[3]!))).toContain("Pull complete");
  });

  test("pull: many at once download each layer once", async () => {
    await using fake = await registryWith();
    await using client = new Client();
    const pulls = await Promise.all([1, 2, 3].map(() => client.pull(fake.name)));
    expect(new Set(pulls.map(({ image }) => image.id)).size).toBe(1);
    const paths = fake.registry.seen.map(({ path }) => path);
    for (const blob of fake.image.blobs.slice(1))
      expect(paths.filter((path) => path.endsWith(digestOf(blob)))).toHaveLength(1);
  });

  test("pull: who gives up does not take the download from the others", async () => {
    await using fake = await registryWith();
    await using client = new Client();
    const gate = Promise.withResolvers<void>();
    const gone = new AbortController();
    const first = client.pull(fake.name, { signal: gone.signal });
    first.catch(() => {});
    while (fake.registry.blobRequests === 0) await Bun.sleep(1);
    fake.registry.gate = gate.promise;
    const second = client.pull(fake.name);
    await Bun.sleep(5);
    gone.abort();
    await expect(first).rejects.toThrow("canceled");
    gate.resolve();
    expect((await second).image.id).toBe(fake.image.id);
  });

  test("pull: broken connections are taken up where they broke", async () => {
    await using fake = await registryWith({ breakAfter: 40, breaks: 60 });
    await using client = new Client();
    expect((await client.pull(fake.name)).image.id).toBe(fake.image.id);
    expect(fake.registry.seen.some(({ range }) => range === "bytes=40-")).toBe(true);
    expect(
      client.events.some((event) => event.kind === "layer" && event.status.startsWith("Retrying in")),
    ).toBe(true);
  });

  test("pull: a registry without ranges begins again and nothing is doubled", async () => {
    await using fake = await registryWith({ breakAfter: 40, breaks: 2, noRange: true });
    await using client = new Client();
    expect((await client.pull(fake.name)).image.id).toBe(fake.image.id);
  });

  test("pull: a registry that is busy is asked again", async () => {
    await using fake = await registryWith({ failing: { status: 503, times: 3 } });
    await using client = new Client();
    expect((await client.pull(fake.name)).newer).toBe(true);
  });

  test("pull: an index gives the image of the platform", async () => {
    await using registry = new FakeRegistry();
    await using client = new Client();
    const [amd64, arm64] = await Promise.all(
      ["amd64", "arm64"].map((architecture) =>
        fakeImage([[{ name: architecture }]], { config: { architecture } }),
      ),
    );
    const manifests = [amd64!, arm64!].map((image, index) => {
      const digest = registry.put("multi", `only-${index}`, image);
      const architecture = index === 0 ? "amd64" : "arm64";
      return { mediaType: image.type, digest, size: 1, platform: { os: "linux", architecture } };
    });
    const attestation = {
      ...manifests[0]!,
      digest: `sha256:${"0".repeat(64)}`,
      platform: { os: "unknown", architecture: "unknown" },
    };
    const index = registry.putManifest(
      "multi",
      "v1",
      { schemaVersion: 2, manifests: [attestation, ...manifests] },
      OCI_INDEX,
    );
    const name = `${registry.host}/multi:v1`;
    expect((await client.pull(name, { platform: "linux/arm64/v8" })).image.id).toBe(arm64!.id);
    expect((await client.pull(name, { platform: "linux/amd64" })).image.id).toBe(amd64!.id);
    expect((await client.pull(`${registry.host}/multi@${index}`, { platform: "linux/amd64" })).image.id).toBe(
      amd64!.id,
    );
    await expect(client.pull(name, { platform: "linux/riscv64" })).rejects.toThrow(
      "no matching manifest for linux/riscv64 in the manifest list entries",
    );
  });
});

describe("pull with credentials", () => {
  test.each(["basic", "bearer"] as const)("pull: %s", async (auth) => {
    await using fake = await registryWith({ auth });
    await using client = new Client();
    const pulled = await client.pull(fake.name, { auth: { username: USER, password: PASSWORD } });
    expect(pulled.image.id).toBe(fake.image.id);
    if (auth === "bearer") expect(fake.registry.seen.filter(({ path }) => path === "/token")).toHaveLength(1);
  });

  test("pull: without or with wrong ones it is refused in plain words", async () => {
    await using fake = await registryWith({ auth: "basic" });
    await using client = new Client();
    await expect(client.pull(fake.name)).rejects.toThrow("no basic auth credentials");
    await expect(client.pull(fake.name, { auth: { username: USER, password: "wrong" } })).rejects.toThrow(
      `pull access denied for ${fake.registry.host}/a/b, repository does not exist or may require 'docker login'`,
    );
    client.expectNothing();
  });

  test("pull: they do not follow a redirect to another host", async () => {
    await using fake = await registryWith({ auth: "basic" });
    await using client = new Client();
    const blobs = new Map(fake.image.blobs.map((blob) => [digestOf(blob), blob]));
    const headers: (string | null)[] = [];
    const elsewhere = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch: (request) => {
        headers.push(request.headers.get("Authorization"));
        return new Response(Buffer.from(blobs.get(request.url.split("/").at(-1)!)!));
      },
    });
    fake.registry.mischief.redirect = `http://127.0.0.1:${elsewhere.port}`;
    await client.pull(fake.name, { auth: { username: USER, password: PASSWORD } });
    await elsewhere.stop(true);
    expect(headers.length).toBe(5);
    expect(headers.every((header) => header === null)).toBe(true);
  });
});

describe("pull refuses and leaves nothing", () => {
  test("a tag that is not there", async () => {
    await using fake = await registryWith();
    await using client = new Client();
    await expect(client.pull(`${fake.registry.host}/a/b:no`)).rejects.toThrow(
      `manifest for ${fake.registry.host}/a/b:no not found: manifest unknown: manifest unknown`,
    );
    client.expectNothing();
  });

  test("nobody answers", async () => {
    await using client = new Client();
    await expect(client.pull("127.0.0.1:1/a:b")).rejects.toThrow(
      'Get "http://127.0.0.1:1/v2/": dial tcp 127.0.0.1:1: connect: connection refused',
    );
  });

  test("a config or a layer with another digest", async () => {
    await using fake = await registryWith();
    await using client = new Client();
    for (const blob of fake.image.blobs.slice(0, 2)) {
      fake.registry.mischief = { corrupt: digestOf(blob) };
      await expect(client.pull(fake.name)).rejects.toThrow(
        /verification failed for digest|failed to register layer/,
      );
      client.expectNothing();
    }
  });

  test("a plain layer with another digest, whose tar is fine", async () => {
    await using registry = new FakeRegistry();
    await using client = new Client();
    const image = await fakeImage(LAYERS, { compression: "none" });
    registry.put("a/b", "v1", image);
    const layer = digestOf(image.layers[0]!);
    registry.mischief = { corrupt: layer };
    await expect(client.pull(`${registry.host}/a/b:v1`)).rejects.toThrow(
      `filesystem layer verification failed for digest ${layer}`,
    );
    client.expectNothing();
  });

  test("a connection that never gets further", async () => {
    await using fake = await registryWith({ breakAfter: 0, breaks: 1000 });
    await using client = new Client();
    await expect(client.pull(fake.name)).rejects.toThrow("unexpected EOF");
    client.expectNothing();
  });

  test("a config whose diff ids are others", async () => {
    await using registry = new FakeRegistry();
    await using client = new Client();
    const [image, other] = [await fakeImage(LAYERS), await fakeImage([...LAYERS].reverse())];
    const manifest = { ...other.manifest, layers: (image.manifest as { layers: object[] }).layers };
    registry.put("a/b", "x", image);
    registry.put("a/b", "v1", { ...other, manifest });
    await expect(client.pull(`${registry.host}/a/b:v1`)).rejects.toThrow(
      "layers from manifest don't match image configuration",
    );
    client.expectNothing();
  });

  test.each([
    [
      "a negative size",
      { layers: [{ mediaType: "x", digest: `sha256:${"0".repeat(64)}`, size: -1 }] },
      "has the size -1",
    ],
    ["no digest", { layers: [{ mediaType: "x", digest: "sha256:../../x", size: 1 }] }, "is no digest"],
    ["no layers", { layers: undefined }, "config or layers are missing"],
  ])("a manifest with %s", async (_, change, words) => {
    await using registry = new FakeRegistry();
    await using client = new Client();
    const image = await fakeImage(LAYERS);
    registry.put("a/b", "v1", { ...image, manifest: { ...image.manifest, ...change } });
    await expect(client.pull(`${registry.host}/a/b:v1`)).rejects.toThrow(words);
    client.expectNothing();
  });

  test("a manifest larger than 4 MiB", async () => {
    await using registry = new FakeRegistry();
    await using client = new Client();
    registry.putManifest("a/b", "v1", Buffer.alloc(5 << 20, 0x20), OCI_INDEX);
    await expect(client.pull(`${registry.host}/a/b:v1`)).rejects.toThrow("is larger than");
  });

  test("an index that is in itself", async () => {
    await using registry = new FakeRegistry();
    await using client = new Client();
    let digest = registry.put("a/b", "v0", await fakeImage(LAYERS));
    for (let depth = 0; depth < 6; depth++)
      digest = registry.putManifest(
        "a/b",
        "v1",
        { schemaVersion: 2, manifests: [{ mediaType: OCI_INDEX, digest, size: 1 }] },
        OCI_INDEX,
      );
    await expect(client.pull(`${registry.host}/a/b@${digest}`)).rejects.toThrow("nested too deep");
  });
});

test("pull: a mirror without the image is passed over, and gets no credentials", async () => {
  await using mirror = new FakeRegistry();
  await using client = new Client({ mirrors: [`http://${mirror.host}`] });
  const image = await fakeImage(LAYERS);
  mirror.put("library/x", "1", image);
  await client.pull("x:1", { auth: { username: USER, password: PASSWORD } });
  expect(client.stores.references.get("docker.io/library/x:1")).toBe(image.id);
  expect(mirror.seen.every(({ authorization }) => authorization === null)).toBe(true);
});
