import { expect, test } from "bun:test";
import { dirname, join, normalize } from "node:path";

const ROOT = join(import.meta.dir, "../..");
/** `from "./x.ts"`, `import "./x.ts"` and `import("./x.ts")`; type imports count too. */
const IMPORT = /\b(?:from|import)\s*["'](\.[^"']+)["']|\b(import)\s*\(\s*["'](\.[^"']+)["']/g;
const ROW = /^\| `([^`]+)` \| ([^|]+) \|$/gm;

/** Who a folder may import, as src/README.md says it; `*` behind a name: only by a dynamic `import()`. */
async function table(): Promise<Map<string, ReadonlySet<string>>> {
  const text = await Bun.file(join(ROOT, "src/README.md")).text();
  const rows = [...text.matchAll(ROW)].map(([, folder, names]): [string, ReadonlySet<string>] => [
    folder!.replace(/^src\//, ""),
    new Set(
      names!.trim() === "nothing" ? [] : names!.split(",").map((name) => name.trim().replaceAll("`", "")),
    ),
  ]);
  return new Map(rows);
}

/** `src/jobs/container/stop.ts` lies in `jobs`, `src/main.ts` in `main.ts`, `ffi/libc.ts` in `ffi`. */
function folderOf(path: string): string {
  const [top, next] = path.split("/");
  return top === "src" ? next! : top!;
}

interface Import {
  readonly file: string;
  readonly target: string;
  readonly dynamic: boolean;
}

async function importsOf(file: string): Promise<Import[]> {
  const text = await Bun.file(join(ROOT, file)).text();
  return [...text.matchAll(IMPORT)].map(([, direct, dynamic, late]) => ({
    file,
    target: normalize(join(dirname(file), (direct ?? late)!)),
    dynamic: dynamic !== undefined,
  }));
}

const sources = () =>
  [...new Bun.Glob("{src,ffi}/**/*.ts").scanSync(ROOT)].filter((file) => !file.endsWith(".test.ts")).sort();

test("imports run one way, as the table in src/README.md says", async () => {
  const may = await table();
  const broken: string[] = [];
  for (const file of sources()) {
    const from = folderOf(file);
    const allowed = may.get(from);
    if (!allowed) broken.push(`${file}: ${from} has no row in the table`);
    for (const { target, dynamic } of await importsOf(file)) {
      const to = folderOf(target);
      if (to === from || allowed?.has(to) || allowed?.has(target.replace(/^src\//, ""))) continue;
      if (dynamic && allowed?.has(`${to}*`)) continue;
      broken.push(`${file} -> ${target}`);
    }
  }
  expect(broken).toEqual([]);
});

test("every folder of src has its row, and every row its folder", async () => {
  const folders = new Set(sources().map(folderOf));
  const rows = new Set((await table()).keys());
  expect([...folders].filter((folder) => !rows.has(folder))).toEqual([]);
  expect([...rows].filter((row) => !folders.has(row))).toEqual([]);
});

test("imports name the file that has the thing: with .ts, no index, no test file", async () => {
  const all = (await Promise.all(sources().map(importsOf))).flat();
  const bad = all.filter(
    ({ target }) => !/\.(ts|json)$/.test(target) || /(^|\/)index\.ts$|\.test\.ts$/.test(target),
  );
  expect(bad.map(({ file, target }) => `${file} -> ${target}`)).toEqual([]);
});
