import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  existsSync,
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
import { END, rawHeader, type Entry as TarEntry, tarOf } from "../../test/fake/tar.ts";
import { Applier, type Whiteouts } from "./apply.ts";
import { cleaned } from "./root.ts";

let place: string;
let root: string;

beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), "bk-apply-"));
  root = join(place, "root");
  mkdirSync(root);
});
afterEach(() => rmSync(place, { recursive: true, force: true }));

const apply = (tar: Uint8Array, whiteouts: Whiteouts = "remove") => Applier.applyAll(root, whiteouts, [tar]);
const text = (path: string) => readFileSync(join(root, path), "utf8");

test("apply: files, folders, links, modes and times become what the tar says", async () => {
  const tar = await tarOf(
    { name: "./", type: "directory", mode: 0o750 },
    { name: "d/", type: "directory", mode: 0o555 },
    { name: "d/f", content: "hello", mode: 0o4711 },
    { name: "d/h", type: "link", linkname: "d/f" },
    { name: "l", type: "symlink", linkname: "/etc/passwd" },
    { name: "deep/er/f", content: "x" },
  );
  expect(apply(tar)).toEqual({ size: 5 + "/etc/passwd".length + 1, root: true });
  expect(lstatSync(root).mode & 0o7777).toBe(0o750);
  expect(lstatSync(join(root, "d")).mode & 0o7777).toBe(0o555);
  expect(lstatSync(join(root, "d")).mtimeMs).toBe(1_700_000_000_000);
  expect(lstatSync(join(root, "d/f")).mode & 0o7777).toBe(0o4711);
  expect(lstatSync(join(root, "d/h")).ino).toBe(lstatSync(join(root, "d/f")).ino);
  expect(readlinkSync(join(root, "l"))).toBe("/etc/passwd");
  expect(lstatSync(join(root, "deep")).mode & 0o7777).toBe(0o755);
});

test("apply: what is there is replaced, folders are merged", async () => {
  mkdirSync(join(root, "dir"));
  writeFileSync(join(root, "dir/old"), "old");
  mkdirSync(join(root, "was"));
  writeFileSync(join(root, "was/x"), "");
  symlinkSync("/nowhere", join(root, "link"));
  apply(
    await tarOf(
      { name: "dir/", type: "directory", mode: 0o700 },
      { name: "was", content: "a file now" },
      { name: "link", content: "no link any more" },
    ),
  );
  expect(text("dir/old")).toBe("old");
  expect(lstatSync(join(root, "dir")).mode & 0o777).toBe(0o700);
  expect(text("was")).toBe("a file now");
  expect(text("link")).toBe("no link any more");
});

test("apply: a whiteout hides what is below and never what the same tar brings", async () => {
  for (const name of ["gone", "kept", "dir/a", "dir/b"]) {
    mkdirSync(join(root, name, ".."), { recursive: true });
    writeFileSync(join(root, name), "below");
  }
  apply(
    await tarOf(
      { name: "kept", content: "new" },
      { name: ".wh.kept" },
      { name: ".wh.gone" },
      { name: "dir/c", content: "new" },
      { name: "dir/.wh..wh..opq" },
      { name: ".wh..wh.plnk/", type: "directory" },
    ),
  );
  expect(readdirSync(root).sort()).toEqual(["dir", "kept"]);
  expect(text("kept")).toBe("new");
  expect(readdirSync(join(root, "dir"))).toEqual(["c"]);
});

test("apply: names that are not UTF-8 stay as they are", () => {
  const name = Buffer.from([0x61, 0xff, 0xfe, 0x62]);
  apply(Buffer.concat([rawHeader(name.toString("latin1"), "5", 0), END]));
  expect(readdirSync(root, { encoding: "buffer" })[0]).toEqual(name);
});

const escapes: [string, TarEntry[], string][] = [
  ["a name with ..", [{ name: "../evil", content: "x" }], '"../evil" was refused'],
  ["a name that climbs later", [{ name: "a/../../evil", content: "x" }], "outside of the archive's root"],
  ["a whiteout that climbs", [{ name: "a/.wh..." }], "was refused"],
  ["a hard link out", [{ name: "h", type: "link", linkname: "../secret" }], "link target"],
  [
    "a file through a link out",
    [
      { name: "a", type: "symlink", linkname: "/outside" },
      { name: "a/evil", content: "x" },
    ],
    '"a/evil" was refused',
  ],
  [
    "a hard link through a link out",
    [
      { name: "a", type: "symlink", linkname: "../.." },
      { name: "h", type: "link", linkname: "a/secret" },
    ],
    '"h" was refused',
  ],
];

test.each(escapes)("apply: %s is refused and touches nothing outside", async (_, entries, words) => {
  writeFileSync(join(place, "secret"), "secret");
  mkdirSync(join(place, "outside"));
  const tar = await tarOf(...entries);
  expect(() => apply(tar)).toThrow(words);
  expect(readdirSync(place).sort()).toEqual(["outside", "root", "secret"]);
  expect(readdirSync(join(place, "outside"))).toEqual([]);
});

test("apply: an absolute link in the way leads where it would lead inside a container", async () => {
  apply(
    await tarOf(
      { name: "etc/", type: "directory", mode: 0o755 },
      { name: "a", type: "symlink", linkname: "/etc" },
      { name: "a/passwd", content: "inside" },
      { name: "up", type: "symlink", linkname: "../../../etc" },
      { name: "up/group", content: "inside" },
    ),
  );
  expect(text("etc/passwd")).toBe("inside");
  expect(text("etc/group")).toBe("inside");
});

test("apply: a folder that becomes a link is not written through as it was", async () => {
  mkdirSync(join(place, "outside"));
  const tar = await tarOf(
    { name: "d/", type: "directory", mode: 0o755 },
    { name: "d/one", content: "1" },
    { name: "d", type: "symlink", linkname: join(place, "outside") },
    { name: "d/two", content: "2" },
  );
  expect(() => apply(tar)).toThrow('"d/two" was refused');
  expect(readdirSync(join(place, "outside"))).toEqual([]);
});

test("apply: what is replaced deep inside, and links between more folders than are kept open", async () => {
  const folders = Array.from({ length: 200 }, (_, index) => `d/${index}`);
  apply(
    await tarOf(
      { name: "d/0/x/f", content: "a folder first" },
      { name: "d/0/x", content: "then a file" },
      ...folders.map((folder) => ({ name: `${folder}/f`, content: folder })),
      ...folders.map((folder, index) => ({
        name: `${folder}/h`,
        type: "link" as const,
        linkname: `${folders[(index + 100) % 200]}/f`,
      })),
    ),
  );
  expect(text("d/0/x")).toBe("then a file");
  for (const [index, folder] of folders.entries())
    expect(text(`${folder}/h`)).toBe(folders[(index + 100) % 200]!);
  expect(readdirSync("/proc/self/fd").length).toBeLessThan(64);
});

test("apply: the last member of a name wins", async () => {
  apply(await tarOf({ name: "f", content: "first" }, { name: "f", content: "second" }));
  expect(text("f")).toBe("second");
});

test("apply: members of a broken tar that came before stay inside, the error names what is wrong", async () => {
  const tar = await tarOf({ name: "f", content: "x".repeat(5000) });
  expect(() => apply(tar.subarray(0, 2048))).toThrow("unexpected end of the tar archive");
  expect(existsSync(join(place, "f"))).toBe(false);
});

test.each([
  ["a//b/./c/", "a/b/c"],
  ["/etc/x", "etc/x"],
  ["./", ""],
  ["a/../b", "b"],
  ["..", undefined],
  ["a/../../b", undefined],
  ["a\0b", undefined],
])("cleaned: %j is %j", (name, path) => {
  expect(cleaned(name)).toBe(path as string);
});
