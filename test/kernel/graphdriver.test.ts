import { afterAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Applier } from "../../src/archive/apply.ts";
import { Log } from "../../src/base/log.ts";
import { Overlay2 } from "../../src/graphdriver/overlay2.ts";
import { selectDriver } from "../../src/graphdriver/select.ts";
import { Vfs } from "../../src/graphdriver/vfs.ts";
import { openFolder, xattrs } from "../../src/sys/at.ts";
import { graphDriverContract } from "../contract/graphdriver.ts";
import { END, padded, paxRecord, rawHeader } from "../fake/tar.ts";

if (process.getuid?.() !== 0) throw new Error("skipped: graph drivers need root");

const root = mkdtempSync(join(tmpdir(), "bk-drivers-"));
const log = new Log("fatal");
afterAll(() => {
  rmSync(root, { recursive: true, force: true });
  expect(readFileSync("/proc/self/mountinfo", "utf8")).not.toContain(root);
});

graphDriverContract("overlay2", (home) => new Overlay2(home, "extfs"));
graphDriverContract("vfs", (home) => new Vfs(home));

test("select: overlay2 where it can be had, and what was used before is kept", async () => {
  const fresh = join(root, "fresh");
  const driver = selectDriver({ root: fresh, log });
  expect(driver.name).toBe("overlay2");
  expect(driver.status[0]?.[0]).toBe("Backing Filesystem");
  const old = join(root, "old");
  await selectDriver({ root: old, environment: "vfs", log }).create("layer", [], { writable: false });
  expect(selectDriver({ root: old, log }).name).toBe("vfs");
  expect(() => selectDriver({ root: old, wanted: "overlay2", log })).toThrow("is in use with vfs");
});

test.each([
  ["aufs", "aufs never became part of Linux"],
  ["devicemapper", "given up by Docker itself"],
  ["btrfs", "not built yet"],
  ["floppy", "unknown storage driver floppy"],
])("select: %s is refused with the reason", (wanted, words) => {
  expect(() => selectDriver({ root: join(root, "none"), wanted, log })).toThrow(words);
});

test("apply: file capabilities stay to the byte, and a layer cannot speak to overlayfs", () => {
  const folder = join(root, "xattrs");
  mkdirSync(folder);
  const capability = Buffer.from("0100000200200000000000000000000000000000", "hex");
  capability[4] = 0x80;
  const records = Buffer.concat([
    paxRecord("SCHILY.xattr.security.capability", capability),
    paxRecord("SCHILY.xattr.trusted.overlay.redirect", Buffer.from("/etc")),
    paxRecord("SCHILY.xattr.user.note", Buffer.from([0xff, 0x00, 0x80])),
  ]);
  const tar = Buffer.concat([
    rawHeader("x", "x", records.length),
    padded(records),
    rawHeader("ping", "0", 0),
    END,
  ]);
  Applier.applyAll(folder, "overlay", [tar]);
  const found = xattrs(openFolder(folder), "ping");
  expect(Buffer.from(found.get("security.capability")!)).toEqual(capability);
  expect(Buffer.from(found.get("user.note")!)).toEqual(Buffer.from([0xff, 0x00, 0x80]));
  expect([...found.keys()].some((name) => name.startsWith("trusted.overlay"))).toBe(false);
});
