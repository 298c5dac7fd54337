import { expect, test } from "bun:test";
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";

const DIST = join(import.meta.dir, "../../dist");
/** CentOS 7, Debian 8 and all that came later have it. */
const NEWEST_GLIBC = [2, 17] as const;
const MONITOR_LIMIT = 100_000;
const EXECUTABLE_LIMIT = 140_000_000;

const SHT_STRTAB = 3;
const SHT_GNU_VERNEED = 0x6ffffffe;

/** The symbol versions that an ELF file needs, from its .gnu.version_r section (elf(5), LSB "Symbol Version Requirements"). */
function neededVersions(file: Buffer): string[] {
  expect(file.subarray(0, 5).toString("latin1")).toBe("\x7fELF\x02");
  const at = Number(file.readBigUInt64LE(40));
  const [size, count] = [file.readUInt16LE(58), file.readUInt16LE(60)];
  const section = (index: number) => {
    const head = at + index * size;
    return {
      type: file.readUInt32LE(head + 4),
      offset: Number(file.readBigUInt64LE(head + 24)),
      link: file.readUInt32LE(head + 40),
      info: file.readUInt32LE(head + 44),
    };
  };
  const sections = Array.from({ length: count }, (_, index) => section(index));
  const need = sections.find(({ type }) => type === SHT_GNU_VERNEED);
  if (!need) return [];
  const strings = sections[need.link]!;
  expect(strings.type).toBe(SHT_STRTAB);
  const text = (offset: number) =>
    file.toString("latin1", strings.offset + offset, file.indexOf(0, strings.offset + offset));

  const versions: string[] = [];
  for (let library = need.offset, left = need.info; left > 0; left--) {
    let entry = library + file.readUInt32LE(library + 8);
    for (let names = file.readUInt16LE(library + 2); names > 0; names--) {
      versions.push(text(file.readUInt32LE(entry + 8)));
      entry += file.readUInt32LE(entry + 12);
    }
    library += file.readUInt32LE(library + 12);
  }
  return versions;
}

function tooNew(version: string): boolean {
  const found = /^GLIBC_(\d+)\.(\d+)/.exec(version);
  if (!found) return !version.startsWith("GLIBC_");
  const [major, minor] = [Number(found[1]), Number(found[2])];
  return major > NEWEST_GLIBC[0] || (major === NEWEST_GLIBC[0] && minor > NEWEST_GLIBC[1]);
}

for (const name of ["bunker", "shim.so"])
  test.skipIf(!existsSync(join(DIST, name)))(
    `dist/${name} needs no glibc newer than ${NEWEST_GLIBC.join(".")}`,
    () => {
      const versions = neededVersions(readFileSync(join(DIST, name)));
      expect(versions.length).toBeGreaterThan(0);
      expect(versions.filter(tooNew)).toEqual([]);
    },
  );

test.skipIf(!existsSync(join(DIST, "monitor")))("dist/monitor is static and small", () => {
  const file = readFileSync(join(DIST, "monitor"));
  const PT_INTERP = 3;
  const [at, size, count] = [Number(file.readBigUInt64LE(32)), file.readUInt16LE(54), file.readUInt16LE(56)];
  const types = Array.from({ length: count }, (_, index) => file.readUInt32LE(at + index * size));
  expect(types).not.toContain(PT_INTERP);
  expect(file.length).toBeLessThan(MONITOR_LIMIT);
});

test.skipIf(!existsSync(join(DIST, "bunker")))("dist/bunker is not larger than it has reason to be", () => {
  expect(statSync(join(DIST, "bunker")).size).toBeLessThan(EXECUTABLE_LIMIT);
});
