import { expect, test } from "bun:test";
import { END, padded, paxRecord, rawHeader, sealed, tarOf } from "../../test/fake/tar.ts";
import { type Entry, TarReader } from "./tar.ts";

function read(tar: Uint8Array, piece = tar.length): { entry: Entry; content: string }[] {
  const reader = new TarReader();
  const found: { entry: Entry; content: string }[] = [];
  for (let at = 0; at < tar.length; at += piece)
    for (const event of reader.push(tar.subarray(at, at + piece))) {
      if (event.kind === "entry") found.push({ entry: event.entry, content: "" });
      else if (event.kind === "data") found.at(-1)!.content += Buffer.from(event.data).toString("latin1");
    }
  reader.finish();
  return found;
}

test("tar: members come out as they went in, however the bytes are cut", async () => {
  const long = `${"d".repeat(90)}/${"f".repeat(90)}/${"é".repeat(60)}`;
  const tar = await tarOf(
    { name: "d/", type: "directory", mode: 0o1777 },
    { name: "d/f", content: "hello", mode: 0o4755, uid: 12, gid: 34 },
    { name: "l", type: "symlink", linkname: "d/f" },
    { name: "h", type: "link", linkname: "d/f" },
    { name: "c", type: "character-device", devmajor: 1, devminor: 3 },
    { name: "p", type: "fifo" },
    { name: long, content: "x".repeat(2000) },
  );
  for (const piece of [1, 7, 511, 512, 513, tar.length]) {
    const found = read(tar, piece);
    expect(found.map(({ entry }) => entry.type)).toEqual([
      ...(["directory", "file", "symlink", "link", "char", "fifo", "file"] as const),
    ]);
    expect(found[1]).toMatchObject({ content: "hello", entry: { mode: 0o4755, uid: 12, gid: 34, size: 5 } });
    expect(found[2]!.entry.link).toBe("d/f");
    expect(found[4]!.entry).toMatchObject({ major: 1, minor: 3 });
    expect(Buffer.from(found[6]!.entry.name, "latin1").toString()).toBe(long);
    expect(found[6]!.content).toHaveLength(2000);
  }
});

test("tar: PAX values are bytes, times have nanoseconds, big numbers are read", () => {
  const capability = Buffer.from([1, 0, 0, 2, 0x80, 0xff, 0, 0xfe, 0]);
  const records = Buffer.concat([
    paxRecord("SCHILY.xattr.security.capability", capability),
    paxRecord("mtime", Buffer.from("1700000000.123456789")),
    paxRecord("uid", Buffer.from("3000000000")),
  ]);
  const tar = Buffer.concat([
    rawHeader("x", "x", records.length),
    padded(records),
    rawHeader("f", "0", 0),
    END,
  ]);
  const { entry } = read(tar)[0]!;
  expect(entry).toMatchObject({ mtime: 1_700_000_000, nanos: 123_456_789, uid: 3_000_000_000 });
  expect(Buffer.from(entry.xattrs.get("security.capability")!)).toEqual(capability);
});

test("tar: GNU long names and base-256 numbers are read", () => {
  const name = "n".repeat(300);
  const head = Buffer.from(rawHeader("short", "0", 0));
  head.set([0x80, 0, 0, 0, 0xb2, 0xd0, 0x5e, 0x00], 108);
  const tar = Buffer.concat([
    rawHeader("././@LongLink", "L", 301),
    padded(Buffer.from(`${name}\0`)),
    sealed(head),
    END,
  ]);
  expect(read(tar)[0]!.entry).toMatchObject({ name, uid: 3_000_000_000 });
});

test("tar: what stands behind the end mark is not read", () => {
  const tar = Buffer.concat([rawHeader("a", "0", 0), END, Buffer.alloc(512, 0xaa)]);
  expect(read(tar)).toHaveLength(1);
});

test.each([
  ["junk", Buffer.alloc(1024, 0x61), "invalid tar header"],
  ["a member cut off", Buffer.concat([rawHeader("a", "0", 600), Buffer.alloc(512)]), "unexpected end"],
  ["half a header", rawHeader("a", "0", 0).subarray(0, 300), "unexpected end"],
  ["nothing", new Uint8Array(0), "empty"],
  ["a negative size", negative(), "has the size -"],
  ["an endless extended header", rawHeader("x", "x", 2 ** 30), "longer than"],
  ["an unknown type", rawHeader("weird", "Q", 0), 'weird has the unknown type "Q"'],
  ["a sparse file", rawHeader("holes", "S", 0), "holes is a sparse file"],
  [
    "a broken PAX record",
    Buffer.concat([rawHeader("x", "x", 10), padded(Buffer.from("99 a=bcde\n"))]),
    "invalid extended",
  ],
])("tar: %s is refused", (_, tar, words) => {
  expect(() => read(tar)).toThrow(words);
});

function negative(): Uint8Array {
  const head = Buffer.from(rawHeader("a", "0", 0));
  head.fill(0xff, 124, 136);
  return sealed(head);
}
