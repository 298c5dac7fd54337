import { expect, test } from "bun:test";
import { join } from "node:path";

const ROOT = join(import.meta.dir, "../..");
const LINES_OF_TS = 400;
const LINES_OF_C = 300;
const LINES_OF_C_FUNCTION = 50;

const scan = (pattern: string) => [...new Bun.Glob(pattern).scanSync(ROOT)].sort();
const read = (file: string) => Bun.file(join(ROOT, file)).text();
const typescript = () => [...scan("{src,ffi,test}/**/*.ts"), ...scan(".ci/*.ts"), "build.ts"];
const c = () => scan("ffi/**/*.{c,h}");

/** `file:line: text` of every line that `bad` finds. */
async function lines(
  files: readonly string[],
  bad: (line: string, file: string) => boolean,
): Promise<string[]> {
  const found: string[] = [];
  for (const file of files)
    for (const [index, line] of (await read(file)).split("\n").entries())
      if (bad(line, file)) found.push(`${file}:${index + 1}: ${line.trim()}`);
  return found;
}

async function tooLong(files: readonly string[], limit: number): Promise<string[]> {
  const counted = await Promise.all(
    files.map(async (file) => ({ file, count: (await read(file)).trimEnd().split("\n").length })),
  );
  return counted.filter(({ count }) => count > limit).map(({ file, count }) => `${file}: ${count} lines`);
}

test(`no TypeScript file is longer than ${LINES_OF_TS} lines`, async () => {
  expect(await tooLong(typescript(), LINES_OF_TS)).toEqual([]);
});

test(`no C file is longer than ${LINES_OF_C} lines, no C function than ${LINES_OF_C_FUNCTION}`, async () => {
  expect(await tooLong(c(), LINES_OF_C)).toEqual([]);
  const long: string[] = [];
  for (const file of c()) {
    let start = 0;
    for (const [index, line] of (await read(file)).split("\n").entries()) {
      if (line === "{") start = index;
      if (line === "}" && index - start > LINES_OF_C_FUNCTION + 1)
        long.push(`${file}:${start}: ${index - start} lines`);
    }
  }
  expect(long).toEqual([]);
});

test("no default export, no enum, no namespace, no barrel", async () => {
  const word = /^\s*export (default\b|(const )?enum\b|namespace\b|\* from)/;
  expect(await lines(typescript(), (line) => word.test(line))).toEqual([]);
});

test("no TODO without the number of its issue, no code commented out, no console in the product", async () => {
  const files = [...typescript().filter((file) => !file.startsWith("test/rules/")), ...c()];
  expect(await lines(files, (line) => /\b(TODO|FIXME|XXX)\b(?! #\d)/.test(line))).toEqual([]);
  expect(
    await lines(files, (line) => /^\s*\/\/ (const|let|if|for|return|await|import) .*;\s*$/.test(line)),
  ).toEqual([]);
  const product = scan("src/**/*.ts").filter((file) => !file.endsWith(".test.ts"));
  expect(await lines(product, (line) => /^\s*console\./.test(line))).toEqual([]);
});

test("no file is called utils, helpers, common, misc, manager or index", () => {
  const bad = /(^|\/)(utils?|helpers?|common|misc|manager|index)(\.ts|\.c|\/)/;
  expect([...typescript(), ...c()].filter((file) => bad.test(file))).toEqual([]);
});

test("the top level holds what the house and its tools look for, nothing else", () => {
  const allowed = new Set(
    "package.json bunfig.toml src ffi test build.ts README.md tsconfig.json bun.lock LICENSE CHANGELOG.md .ci .gitignore".split(
      " ",
    ),
  );
  const { stdout } = Bun.spawnSync(["git", "ls-files"], { cwd: ROOT });
  const top = new Set(
    stdout
      .toString()
      .trim()
      .split("\n")
      .map((path) => path.split("/")[0]!),
  );
  expect([...top].filter((name) => !allowed.has(name))).toEqual([]);
});
