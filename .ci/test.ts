/**
 * `bun .ci/test.ts [PATTERN]`: the checks, then every test file, unit tests first and those that need a kernel one after
 * another. Ends with `N passed, N failed[, N skipped]`.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

process.chdir(join(import.meta.dir, ".."));
const BUN = process.execPath;
const REPORTS = "dist/tests";
/** No single process of tests may hang the gate. */
const PATIENCE_MILLIS = 10 * 60_000;

/** On a gate's machine without another engine everything on the host is ours to count. */
const CENSUS = process.env.CI === "true" && !otherEngine() ? { BUNKER_CENSUS: "everything" } : {};

const pattern = process.argv[2] ?? "";
const total: Counts = { passed: 0, failed: 0, skipped: 0 };
rmSync(REPORTS, { recursive: true, force: true });
mkdirSync(REPORTS, { recursive: true });

checks();
const files = [...new Bun.Glob("{src,ffi,test}/**/*.test.ts").scanSync()]
  .sort()
  .filter((f) => f.includes(pattern));
const NEEDS_KERNEL = /^test\/(kernel|peer)\//;
const unit = files.filter((file) => !NEEDS_KERNEL.test(file));
if (unit.length > 0) suite("unit", unit);
for (const file of files.filter((file) => NEEDS_KERNEL.test(file))) suite(file, [file]);
finish();

function otherEngine(): boolean {
  const commands = [...new Bun.Glob("/proc/[0-9]*/cmdline").scanSync({ onlyFiles: false })].map((path) => {
    try {
      return readFileSync(path, "utf8").split("\0");
    } catch {
      return []; // it has ended meanwhile
    }
  });
  return commands.some(([program = "", verb]) => /(^|\/)dockerd$/.test(program) || verb === "daemon");
}

/** Each line `ok` or `FAIL` of the checks counts as one. */
function checks(): void {
  if (pattern !== "") return;
  const { stdout } = Bun.spawnSync([BUN, ".ci/check.ts", "--no-rules"], { stderr: "inherit" });
  const text = stdout.toString();
  console.log(text);
  const closing = /checks: (\d+) passed, (\d+) failed/.exec(text);
  total.passed += Number(closing?.[1] ?? 0);
  total.failed += Number(closing?.[2] ?? 1);
}

/** One `bun test`: counted by its JUnit report; a process that ended without one is a failure. */
function suite(name: string, paths: readonly string[]): void {
  const report = join(REPORTS, `${name.replaceAll("/", "-")}.xml`);
  console.log(`\n== ${name}`);
  const command = [
    BUN,
    "test",
    "--reporter=junit",
    `--reporter-outfile=${report}`,
    ...paths.map((path) => `./${path}`),
  ];
  const { exitCode } = Bun.spawnSync(command, {
    stdio: ["ignore", "inherit", "inherit"],
    timeout: PATIENCE_MILLIS,
    env: {
      ...process.env,
      ...CENSUS,
      PATH: `${process.env.PATH}:/usr/sbin:/sbin:${process.cwd()}/dist/tools/usr/bin`,
    },
  });
  const counts = countsOf(report);
  if (exitCode !== 0 && counts.failed === 0) counts.failed++;
  for (const key of ["passed", "failed", "skipped"] as const) total[key] += counts[key];
}

function countsOf(report: string): Counts {
  const root = existsSync(report) ? /<testsuites\b[^>]*>/.exec(readFileSync(report, "utf8"))?.[0] : undefined;
  if (!root) return { passed: 0, failed: 1, skipped: 0 };
  const count = (name: string) => Number(new RegExp(`\\b${name}="(\\d+)"`).exec(root)?.[1] ?? 0);
  const failed = count("failures") + count("errors");
  const skipped = count("skipped");
  return { passed: count("tests") - failed - skipped, failed, skipped };
}

function finish(): never {
  const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : "";
  const summary = `${total.passed} passed, ${total.failed} failed${skipped}`;
  writeFileSync(join(REPORTS, "summary"), `${summary}\n`);
  console.log(`\n${summary}`);
  process.exit(total.failed === 0 && total.passed > 0 ? 0 : 1);
}
