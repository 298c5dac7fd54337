/**
 * `bun .ci/check.ts`: what can be judged without running the product. Types, format and lint, the lock file, C warnings;
 * with no argument also the house rules (test/rules), which the test command runs with the other tests.
 */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";

interface Check {
  readonly name: string;
  readonly commands: readonly (readonly string[])[];
}

process.chdir(join(import.meta.dir, ".."));
const BUN = process.execPath;
const BIN = "node_modules/.bin";
const objects = mkdtempSync(join(existsSync("dist") ? "dist" : ".", ".check-"));

const WARNINGS = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-O2", "-c"];
const compileOnly = (compiler: string, folder: string) =>
  [...new Bun.Glob(`${folder}/*.c`).scanSync()]
    .sort()
    .map((file) => [compiler, ...WARNINGS, "-o", join(objects, "object.o"), file]);

const CHECKS: Check[] = [
  { name: "types", commands: [[`${BIN}/tsc`, "--noEmit"]] },
  {
    name: "format and lint",
    commands: [[`${BIN}/biome`, "check", "--config-path=.ci/lint.json", "--error-on-warnings", "."]],
  },
  {
    name: "bun.lock is what package.json asks for",
    commands: [[BUN, "install", "--frozen-lockfile", "--dry-run", "--ignore-scripts"]],
  },
  {
    name: "C without warnings",
    commands: [
      ...compileOnly("cc", "ffi/shim"),
      ...compileOnly("musl-gcc", "ffi/monitor"),
      ...compileOnly("musl-gcc", "ffi/hello"),
    ],
  },
];
if (!process.argv.includes("--no-rules"))
  CHECKS.push({ name: "rules", commands: [[BUN, "test", "test/rules"]] });

let failed = 0;
for (const { name, commands } of CHECKS) {
  const broken = commands.map(run).filter((output) => output !== undefined);
  console.log(`${broken.length === 0 ? "ok  " : "FAIL"} ${name}`);
  if (broken.length === 0) continue;
  failed++;
  console.log(broken.join("\n"));
}
rmSync(objects, { recursive: true });
console.log(`checks: ${CHECKS.length - failed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);

/** The output of a command that failed, or undefined. */
function run(command: readonly string[]): string | undefined {
  const { exitCode, stdout, stderr } = Bun.spawnSync([...command], { stdin: "ignore" });
  return exitCode === 0 ? undefined : `$ ${command.join(" ")}\n${stdout}${stderr}`;
}
