/**
 * `bun build.ts` makes dist/bunker; `bun build.ts --artefacts` only what is not TypeScript: dist/shim.so (our C for
 * bun:ffi), dist/monitor (static, one per container), dist/hello.tar (the embedded image).
 */
import { mkdirSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { imageArchive } from "./.ci/image.ts";

const MONITOR_LIMIT = 100_000;
const WARNINGS = ["-std=c11", "-O2", "-Wall", "-Wextra", "-Werror"];
/** What is embedded into the executable, and found again by ffi/embed.ts. */
const ARTEFACTS = ["dist/shim.so", "dist/monitor", "dist/hello.tar"];

process.chdir(import.meta.dir);
mkdirSync("dist", { recursive: true });
await hello();
await shim();
await monitor();
if (!process.argv.includes("--artefacts")) await executable();

async function shim(): Promise<void> {
  await compile("dist/shim.so", "ffi/shim", ["cc", ...WARNINGS, "-fPIC", "-shared", "-fvisibility=default"]);
}

async function monitor(): Promise<void> {
  await compile("dist/monitor", "ffi/monitor", ["musl-gcc", ...WARNINGS, "-static", "-Wl,-s"]);
  const size = sizeOf("dist/monitor");
  if (size > MONITOR_LIMIT) fail(`dist/monitor has ${size} bytes, ${MONITOR_LIMIT} are allowed`);
}

async function hello(): Promise<void> {
  const made = await compile("dist/hello", "ffi/hello", ["musl-gcc", ...WARNINGS, "-static", "-Wl,-s"]);
  if (!made && sizeOf("dist/hello.tar") > 0) return;
  const program = readFileSync("dist/hello");
  const archive = await imageArchive({
    tag: "hello:latest",
    entries: [{ name: "hello", mode: 0o755, content: program }],
    config: { Cmd: ["/hello"], Env: ["PATH=/"], WorkingDir: "/" },
  });
  await replace("dist/hello.tar", (path) => Bun.write(path, archive));
}

/** Compiles all C files of `folder` when one of them, or a header of ffi, is newer than `output`. True: it did. */
async function compile(output: string, folder: string, command: readonly string[]): Promise<boolean> {
  const sources = [...new Bun.Glob(`${folder}/*.c`).scanSync()].sort();
  if (sources.length === 0) {
    console.error(`build: ${folder} holds no C file`);
    return false;
  }
  const newest = Math.max(...[...sources, ...new Bun.Glob("ffi/**/*.h").scanSync()].map(changedAt));
  if (changedAt(output) > newest) return false;
  await replace(output, (path) => run([...command, "-o", path, ...sources]));
  return true;
}

async function executable(): Promise<void> {
  const workers = [...new Bun.Glob("src/**/*.worker.ts").scanSync()].sort();
  const facts = {
    version: (await Bun.file("package.json").json()).version,
    commit: commit(),
    builtAt: new Date().toISOString(),
    bun: Bun.version,
    shim: digest("dist/shim.so"),
    monitor: digest("dist/monitor"),
  };
  await replace("dist/bunker", async (outfile) => {
    const built = await Bun.build({
      entrypoints: ["src/main.ts", ...workers, ...ARTEFACTS],
      compile: { outfile, autoloadDotenv: false, autoloadBunfig: false },
      minify: true,
      bytecode: true,
      splitting: true, // a verb loads only its own modules, Node's among them: 5 ms less for each command
      format: "esm",
      naming: { entry: "[name].[ext]", asset: "[name].[ext]" }, // flat: ./x.worker.ts is found beside any module
      loader: { ".so": "file", ".tar": "file" },
      define: { BUNKER_BUILD: JSON.stringify(facts) },
    });
    if (!built.success) fail(built.logs.join("\n"));
  });
  for (const path of [...ARTEFACTS, "dist/bunker"])
    console.log(`${path.padEnd(14)} ${String(sizeOf(path)).padStart(11)} bytes  sha256:${digest(path)}`);
}

/** Makes `path` whole or not at all: two builds at once, and a running executable, stay untouched. */
async function replace(path: string, make: (temporary: string) => unknown): Promise<void> {
  const folder = `dist/.${process.pid}`;
  const temporary = join(folder, basename(path)); // the same basename: it is the program's name in process.argv
  mkdirSync(folder, { recursive: true });
  try {
    await make(temporary);
    renameSync(temporary, path);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function run(command: readonly string[]): void {
  if (!Bun.which(command[0]!)) install(command[0]!);
  const { exitCode } = Bun.spawnSync([...command], { stdio: ["ignore", "inherit", "inherit"] });
  if (exitCode !== 0) fail(`${command[0]} ended with ${exitCode}`);
}

/** A missing compiler: taken from the machine's own packages where we may, else named. */
function install(program: string): void {
  const packages = ["gcc", "libc6-dev", "musl-tools"];
  if (process.getuid?.() === 0 && Bun.which("apt-get")) {
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
    const apt = (...args: string[]) => Bun.spawnSync(["apt-get", "-qq", ...args], { env }).exitCode;
    if (apt("install", "-y", ...packages) !== 0) {
      apt("update");
      apt("install", "-y", ...packages);
    }
  }
  if (!Bun.which(program)) fail(`${program} is missing: install ${packages.join(" ")} and build again`);
}

function commit(): string {
  const git = (...args: string[]) =>
    Bun.spawnSync(["git", ...args])
      .stdout.toString()
      .trim();
  const head = git("rev-parse", "--short=12", "HEAD");
  return head === "" ? "unknown" : head + (git("status", "--porcelain", "-uno") === "" ? "" : "+changes");
}

function changedAt(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

function digest(path: string): string {
  return new Bun.CryptoHasher("sha256").update(readFileSync(path)).digest("hex");
}

function fail(message: string): never {
  console.error(`build: ${message}`);
  process.exit(1);
}
