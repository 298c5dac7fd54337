import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GraphDB } from "../graph/graphdb.ts";
import { copyUp } from "./local.ts";
import { Volumes } from "./store.ts";

let root = "";
let graph: GraphDB;
let volumes: Volumes;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "vol-"));
  graph = new GraphDB(":memory:");
  volumes = new Volumes(graph, root);
});
afterEach(() => {
  graph.close();
  rmSync(root, { recursive: true, force: true });
});

test("volumes: one of a name is made once, and is there for the next daemon", () => {
  const { volume, isNew } = volumes.create({ Name: "data", Labels: { a: "b" } });
  expect([isNew, volumes.create({ Name: "data" }).isNew]).toEqual([true, false]);
  expect(volume).toMatchObject({
    Name: "data",
    Driver: "local",
    Labels: { a: "b" },
    Scope: "local",
    Options: null,
  });
  expect(existsSync(volume.Mountpoint)).toBe(true);
  expect(new Volumes(graph, root).list()).toEqual([volume]);
});

test("volumes: without a name an anonymous one, with Docker's label", () => {
  const { volume } = volumes.create({});
  expect(volume.Name).toMatch(/^[0-9a-f]{64}$/);
  expect(volume.Labels).toEqual({ "com.docker.volume.anonymous": "" });
  expect(volumes.isAnonymous(volume.Name)).toBe(true);
});

test("volumes: bad names, other drivers and options are refused", () => {
  expect(() => volumes.create({ Name: "x y" })).toThrow('create x y: "x y" includes invalid characters');
  expect(() => volumes.create({ Name: "../x" })).toThrow("includes invalid characters");
  expect(() => volumes.create({ Name: "x" })).toThrow("volume name is too short");
  expect(() => volumes.create({ Name: "nn", Driver: "zz" })).toThrow('plugin "zz" not found');
  expect(() => volumes.create({ Name: "nn", DriverOpts: { type: "nfs" } })).toThrow("not supported");
  expect(volumes.list()).toEqual([]);
});

test("volumes: in use they stay, afterwards they and their data go", () => {
  const { volume } = volumes.create({ Name: "data" });
  volumes.use("data", "c1");
  expect(() => volumes.remove("data")).toThrow("remove data: volume is in use - [c1]");
  expect(volumes.unuse("c1")).toEqual(["data"]);
  expect(volumes.remove("data")).toBe(true);
  expect(existsSync(volume.Mountpoint)).toBe(false);
  expect(() => volumes.remove("data")).toThrow("get data: no such volume");
  expect(volumes.remove("data", true)).toBe(false);
});

test("copy-up: the image's folder, links, modes and names that are no UTF-8", async () => {
  const image = join(root, "image");
  mkdirSync(join(image, "data/sub"), { recursive: true });
  writeFileSync(join(image, "data/sub/file"), "text", { mode: 0o640 });
  linkSync(join(image, "data/sub/file"), join(image, "data/hard"));
  symlinkSync("/etc/passwd", join(image, "data/soft"));
  writeFileSync(Buffer.concat([Buffer.from(join(image, "data/")), Buffer.from([0xff])]), "odd");
  chmodSync(join(image, "data"), 0o1770);
  const { volume } = volumes.create({ Name: "data" });
  expect(volumes.isEmpty("data")).toBe(true);
  await copyUp(image, "/data", volume.Mountpoint);
  const at = (name: string) => join(volume.Mountpoint, name);
  expect(readFileSync(at("sub/file"), "utf8")).toBe("text");
  expect(lstatSync(at("sub/file")).mode & 0o7777).toBe(0o640);
  expect(lstatSync(at("hard")).ino).toBe(lstatSync(at("sub/file")).ino);
  expect(readlinkSync(at("soft"))).toBe("/etc/passwd");
  expect(lstatSync(at("")).mode & 0o7777).toBe(0o1770);
  expect(readdirSync(volume.Mountpoint, { encoding: "buffer" }).some((name) => name[0] === 0xff)).toBe(true);
  expect(volumes.isEmpty("data")).toBe(false);
});

test("copy-up: a link in the image leads to nothing outside of it", async () => {
  const image = join(root, "image");
  mkdirSync(join(image, "inside"), { recursive: true });
  mkdirSync(join(root, "outside"));
  writeFileSync(join(root, "outside/secret"), "x");
  symlinkSync("../../../../../../../..", join(image, "up"));
  symlinkSync(join(root, "outside"), join(image, "out"));
  const { volume } = volumes.create({ Name: "data" });
  await copyUp(image, "/out", volume.Mountpoint);
  await copyUp(image, "/nothing/there", volume.Mountpoint);
  expect(readdirSync(volume.Mountpoint)).toEqual([]);
  await copyUp(image, "/up/inside", volume.Mountpoint);
  expect(readdirSync(volume.Mountpoint)).toEqual([]);
});
