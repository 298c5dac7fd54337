import { expect, test } from "bun:test";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { TestDaemon, until } from "../daemon.ts";
import { digestOf, dockerArchive, type FakeImage, fakeImage } from "../fake/image.ts";
import { FakeRegistry } from "../fake/registry.ts";

/** Large enough to be killed in the middle. */
const bigImage = (): Promise<FakeImage> =>
  fakeImage(
    [0, 1].map((layer) =>
      Array.from({ length: 500 }, (_, index) => ({
        name: `d${layer}/f${index}`,
        content: new Uint8Array(20_000),
      })),
    ),
    { compression: "none" },
  );

const layerFolders = (daemon: TestDaemon): string[] =>
  readdirSync(join(daemon.root, "overlay2")).filter((name) => name !== "init" && name !== "trash");

const imageIds = async (daemon: TestDaemon): Promise<string[]> => {
  const answer = await daemon.api("GET", "/images/json");
  return ((await answer.json()) as { Id: string }[]).map(({ Id }) => Id);
};

test("load: a daemon killed in the middle shows nothing of it, and the next one gives the disk back", async () => {
  await using daemon = await TestDaemon.start();
  const image = await bigImage();
  const archive = await dockerArchive(image, ["big:1"]);
  const gate = Promise.withResolvers<void>();
  const half = new ReadableStream<Uint8Array>({
    async start(controller) {
      controller.enqueue(archive.subarray(0, archive.length - 4_000_000));
      await gate.promise;
      controller.close();
    },
  });
  const request = fetch("http://localhost/images/load", {
    method: "POST",
    unix: daemon.socket,
    body: half,
  }).catch(() => undefined);
  await until("two layers are half way in", () => layerFolders(daemon).length === 2);
  expect(await imageIds(daemon)).toEqual([]);
  await daemon.kill("SIGKILL");
  gate.resolve();
  await request;
  await daemon.launch();
  expect(await imageIds(daemon)).toEqual([]);
  await until("the half layers are gone", () => layerFolders(daemon).length === 0);
  const file = join(daemon.folder, "big.tar");
  writeFileSync(file, archive);
  await daemon.ok("load", "-i", file);
  expect(await imageIds(daemon)).toEqual([image.id]);
  await daemon.ok("rmi", "big:1");
  expect(layerFolders(daemon)).toEqual([]);
});

test("pull: a daemon killed in the middle shows nothing of it, and pulls it whole the next time", async () => {
  await using daemon = await TestDaemon.start();
  await using registry = new FakeRegistry();
  const image = await bigImage();
  registry.put("big", "1", image);
  const name = `${registry.host}/big:1`;
  const gate = Promise.withResolvers<void>();
  const path = `/images/create?fromImage=${encodeURIComponent(`${registry.host}/big`)}&tag=1`;
  registry.gateFor = { digest: digestOf(image.layers[1]!), open: gate.promise };
  const request = daemon
    .api("POST", path)
    .then((answer) => answer.text())
    .catch(() => "");
  await until("the second layer is asked for", () =>
    registry.seen.some(({ path: seen }) => seen.endsWith(digestOf(image.layers[1]!))),
  );
  expect(await imageIds(daemon)).toEqual([]);
  await daemon.kill("SIGKILL");
  gate.resolve();
  await request;
  await daemon.launch();
  expect(await imageIds(daemon)).toEqual([]);
  await until("what was pulled is gone", () => layerFolders(daemon).length === 0);
  await daemon.ok("pull", name);
  expect(await imageIds(daemon)).toEqual([image.id]);
});

test("images: the embedded one is there when its name is used, and cannot go while a container has it", async () => {
  await using daemon = await TestDaemon.start();
  await daemon.ok("create", "--name", "c1", "hello");
  const refused = await daemon.cli(["rmi", "hello"]);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain("must force");
  await daemon.ok("rm", "c1");
  await daemon.ok("rmi", "hello");
  expect(layerFolders(daemon)).toEqual([]);
});
