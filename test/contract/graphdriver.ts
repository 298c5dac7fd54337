import { describe, expect, test } from "bun:test";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Applier } from "../../src/archive/apply.ts";
import type { GraphDriver } from "../../src/graphdriver/driver.ts";
import { type Entry, tarOf } from "../fake/tar.ts";

/** What the suite needs of an adapter: a driver over a folder of its own. */
export type MakeDriver = (home: string) => GraphDriver;

class Place implements AsyncDisposable {
  readonly home = mkdtempSync(join(tmpdir(), "bk-driver-"));
  readonly driver: GraphDriver;
  /** nearest first */
  readonly stack: string[] = [];

  constructor(make: MakeDriver) {
    this.driver = make(join(this.home, "home"));
  }

  /** One more layer on the stack. */
  async layer(id: string, ...entries: Entry[]): Promise<void> {
    await this.driver.create(id, this.stack, { writable: false });
    const whiteouts = this.driver.standalone ? "overlay" : "remove";
    Applier.applyAll(this.driver.folder(id), whiteouts, [await tarOf(...entries)]);
    this.stack.unshift(id);
  }

  /** A container's layer on the stack, mounted while `body` runs. */
  async container<T>(id: string, body: (root: string) => T): Promise<T> {
    if (!existsSync(this.driver.folder(id))) await this.driver.create(id, this.stack, { writable: true });
    const mounted = this.driver.get(id, this.stack);
    try {
      return body(mounted.path);
    } finally {
      mounted.release();
    }
  }

  async changes(id: string): Promise<string[]> {
    const changes = await this.driver.changes(id, this.stack);
    return changes.map(({ kind, path }) => `${"CAD"[kind]} ${path}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.driver.cleanUp(new Set());
    await this.driver.idle();
    rmSync(this.home, { recursive: true, force: true });
  }
}

const text = (root: string, path: string) => readFileSync(join(root, path), "utf8");

/** What every graph driver does. Needs root: owners, devices, mounts. */
export function graphDriverContract(name: string, make: MakeDriver): void {
  describe(`${name}: the port's promises`, () => {
    test("layers are seen through each other, whiteouts and opaque folders hide what is below", async () => {
      await using place = new Place(make);
      await place.layer(
        "low",
        { name: "a", content: "low" },
        { name: "b", content: "low" },
        { name: "d/x", content: "low" },
        { name: "e/x", content: "low" },
      );
      await place.layer(
        "mid",
        { name: "a", content: "mid" },
        { name: ".wh.b" },
        { name: "d/y", content: "mid" },
        { name: "d/.wh..wh..opq" },
      );
      await place.layer(
        "top",
        { name: ".wh.e" },
        { name: "e/", type: "directory", mode: 0o755 },
        { name: "e/z", content: "top" },
      );
      await place.container("c", (root) => {
        expect(text(root, "a")).toBe("mid");
        expect(existsSync(join(root, "b"))).toBe(false);
        expect(readdirSync(join(root, "d"))).toEqual(["y"]);
        expect(readdirSync(join(root, "e"))).toEqual(["z"]);
      });
    });

    test("a layer may hide all that is below it", async () => {
      await using place = new Place(make);
      await place.layer("low", { name: "a", content: "low" }, { name: "d/x", content: "low" });
      await place.layer("top", { name: "b", content: "top" }, { name: "d/y" }, { name: ".wh..wh..opq" });
      await place.container("c", (root) => {
        expect(
          readdirSync(root)
            .filter((name) => ["a", "b", "d"].includes(name))
            .sort(),
        ).toEqual(["b", "d"]);
        expect(readdirSync(join(root, "d"))).toEqual(["y"]);
      });
    });

    test("a whiteout behind a folder of the same tar hides only what is below", async () => {
      await using place = new Place(make);
      await place.layer("low", { name: "d/x", content: "low" });
      await place.layer(
        "top",
        { name: "d/", type: "directory", mode: 0o755 },
        { name: "d/y", content: "top" },
        { name: ".wh.d" },
      );
      await place.container("c", (root) => expect(readdirSync(join(root, "d"))).toEqual(["y"]));
    });

    test("what a container writes is its own and stays when it is mounted again", async () => {
      await using place = new Place(make);
      await place.layer("low", { name: "f", content: "image" });
      await place.container("one", (root) => writeFileSync(join(root, "f"), "one"));
      await place.container("two", (root) => expect(text(root, "f")).toBe("image"));
      await place.container("one", (root) => expect(text(root, "f")).toBe("one"));
    });

    test("owners, modes, devices, fifos, hard links and times are kept", async () => {
      await using place = new Place(make);
      await place.layer(
        "low",
        { name: "d/", type: "directory", mode: 0o1777, uid: 5, gid: 6 },
        { name: "d/f", content: "x", mode: 0o4755, uid: 7, gid: 8 },
        { name: "d/h", type: "link", linkname: "d/f" },
        { name: "null", type: "character-device", devmajor: 1, devminor: 3, mode: 0o666 },
        { name: "pipe", type: "fifo", mode: 0o622 },
        { name: "l", type: "symlink", linkname: "gone", uid: 9, gid: 10 },
      );
      await place.layer("top", { name: "other" });
      await place.container("c", (root) => {
        const stat = (path: string) => lstatSync(join(root, path));
        expect([stat("d").mode & 0o7777, stat("d").uid, stat("d").gid]).toEqual([0o1777, 5, 6]);
        expect([stat("d/f").mode & 0o7777, stat("d/f").uid, stat("d/f").gid]).toEqual([0o4755, 7, 8]);
        expect(stat("d/h").ino).toBe(stat("d/f").ino);
        expect([stat("null").isCharacterDevice(), stat("null").rdev, stat("null").mode & 0o777]).toEqual([
          true,
          0x103,
          0o666,
        ]);
        expect([stat("pipe").isFIFO(), stat("pipe").mode & 0o777]).toEqual([true, 0o622]);
        expect([stat("l").uid, stat("l").gid]).toEqual([9, 10]);
        expect([stat("d").mtimeMs, stat("d/f").mtimeMs, stat("l").mtimeMs]).toEqual(
          Array(3).fill(1_700_000_000_000),
        );
      });
    });

    test("the root's own owner and mode are the topmost layer's", async () => {
      await using place = new Place(make);
      await place.layer("low", { name: "./", type: "directory", mode: 0o700, uid: 3, gid: 4 });
      await place.container("c", (root) => {
        const { mode, uid, gid } = lstatSync(root);
        expect([mode & 0o7777, uid, gid]).toEqual([0o700, 3, 4]);
      });
    });

    test("the places that are mounted over exist, and an image's own win", async () => {
      await using place = new Place(make);
      await place.layer(
        "low",
        { name: "etc/", type: "directory", mode: 0o711 },
        { name: "etc/hosts", content: "own" },
      );
      await place.container("c", (root) => {
        expect(text(root, "etc/hosts")).toBe("own");
        expect(lstatSync(join(root, "etc")).mode & 0o777).toBe(0o711);
        for (const path of ["proc", "sys", "dev/shm", "etc/resolv.conf", ".dockerenv"])
          expect(existsSync(join(root, path))).toBe(true);
      });
      expect(await place.changes("c")).toEqual([]);
    });

    test("an image without layers has a root all the same", async () => {
      await using place = new Place(make);
      await place.container("c", (root) => writeFileSync(join(root, "f"), "x"));
      expect(await place.changes("c")).toEqual(["A /f"]);
    });

    test("changes: added, modified, deleted, with the folders above", async () => {
      await using place = new Place(make);
      await place.layer(
        "low",
        { name: "a/keep" },
        { name: "a/change", content: "1" },
        { name: "a/go" },
        { name: "b/x" },
        { name: "c" },
      );
      await place.container("c", (root) => {
        writeFileSync(join(root, "a/change"), "22");
        rmSync(join(root, "a/go"));
        rmSync(join(root, "b"), { recursive: true });
        mkdirSync(join(root, "new"));
        writeFileSync(join(root, "new/f"), "x");
      });
      expect(await place.changes("c")).toEqual([
        "C /a",
        "C /a/change",
        "D /a/go",
        "D /b",
        "A /new",
        "A /new/f",
      ]);
    });

    test("changes: a folder that was made anew shows what is gone from it", async () => {
      await using place = new Place(make);
      await place.layer("low", { name: "d/x" }, { name: "d/y" });
      await place.container("c", (root) => {
        rmSync(join(root, "d"), { recursive: true });
        mkdirSync(join(root, "d"));
        writeFileSync(join(root, "d/y"), "new");
      });
      expect(await place.changes("c")).toEqual(["C /d", "D /d/x", "C /d/y"]);
    });

    test("create: an id that is taken is a conflict and stays as it is", async () => {
      await using place = new Place(make);
      await place.layer("low", { name: "f", content: "x" });
      expect(() => place.driver.create("low", [], { writable: false })).toThrow("exists already");
      await place.container("c", (root) => expect(text(root, "f")).toBe("x"));
    });

    test("remove: gone at once, twice is no error", async () => {
      await using place = new Place(make);
      await place.layer("low", { name: "d/f" });
      place.driver.remove("low");
      expect(existsSync(place.driver.folder("low"))).toBe(false);
      place.driver.remove("low");
      await place.driver.idle();
    });

    test("cleanUp: keeps what is known, removes the rest, finishes what was begun", async () => {
      await using place = new Place(make);
      await place.layer("known", { name: "f" });
      await place.layer("orphan", { name: "f" });
      place.stack.shift();
      await place.driver.create("c", place.stack, { writable: true });
      place.driver.get("c", place.stack);
      await place.driver.cleanUp(new Set(["known", "c"]));
      await place.driver.idle();
      expect(existsSync(place.driver.folder("known"))).toBe(true);
      expect(existsSync(place.driver.folder("orphan"))).toBe(false);
      expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(place.home);
    });

    test("more than a hundred layers", async () => {
      await using place = new Place(make);
      for (let index = 0; index < 120; index++)
        await place.layer(`layer-${index}`, { name: `f${index}`, content: String(index) });
      await place.container("c", (root) => {
        expect(readdirSync(root).filter((name) => /^f\d+$/.test(name))).toHaveLength(120);
        expect(text(root, "f0") + text(root, "f119")).toBe("0119");
      });
    }, 60_000);
  });
}
