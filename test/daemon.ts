import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { busyboxArchive } from "./busybox.ts";
import { type Census, census, type Scope, settled } from "./census.ts";

const ROOT = join(import.meta.dir, "..");
let started = 0;

/** What a finished command left. */
export interface Result {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly stdin?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Default 30. A command that takes longer is killed: code 137. */
  readonly timeoutSeconds?: number;
}

/** How bunker is called here: `dist/bunker`; where it was not built, or BUNKER=source: from source; BUNKER=PATH: that one. */
export function bunkerCommand(): string[] {
  const chosen = process.env.BUNKER ?? join(ROOT, "dist/bunker");
  return chosen === "source" || !existsSync(chosen)
    ? [process.execPath, join(ROOT, "src/main.ts")]
    : [chosen];
}

/** Runs a command to its end. */
export async function command(argv: readonly string[], options: CommandOptions = {}): Promise<Result> {
  const child = Bun.spawn([...argv], {
    stdin: options.stdin === undefined ? "ignore" : Buffer.from(options.stdin),
    stdout: "pipe",
    stderr: "pipe",
    env: { ...process.env, ...options.env },
    timeout: (options.timeoutSeconds ?? 30) * 1000,
    killSignal: "SIGKILL",
  });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  return { code: await child.exited, stdout, stderr };
}

/**
 * A daemon of its own: root, exec root, socket, bridge, address range, cgroup parent, pid file. With `await using` it is
 * stopped at the end of the block, and the block fails when anything is left of it on the host.
 */
export class TestDaemon implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), "bk-"));
  readonly root = join(this.folder, "root");
  readonly execRoot = join(this.folder, "exec");
  readonly socket = join(this.folder, "s");
  readonly pidfile = join(this.folder, "pid");
  readonly logfile = join(this.folder, "daemon.log");
  /** Its TMPDIR, where it writes nothing. */
  readonly tmp = join(this.folder, "tmp");
  readonly bridge: string;
  /** The default bridge's address; the network is the /24 around it. */
  readonly address: string;
  readonly cgroupParent: string;
  readonly scope: Scope;
  readonly #flags: readonly string[];
  readonly #before: Census;
  #process: Bun.Subprocess | undefined;

  private constructor(flags: readonly string[]) {
    const number = (process.pid * 4 + started++) % 65536;
    this.bridge = `bkt${number}`;
    this.address = `10.${200 + ((number >> 8) % 50)}.${number & 255}.1`;
    this.cgroupParent = `/bunker-test-${number}`;
    this.scope = {
      marks: [this.folder, this.bridge, this.cgroupParent, this.address.replace(/1$/, "")],
      roots: [this.execRoot, this.tmp],
    };
    mkdirSync(this.tmp);
    this.#flags = flags;
    this.#before = census(this.scope);
  }

  /** Resolves when the daemon answers. Throws with its log when it ends before. */
  static async start(...flags: string[]): Promise<TestDaemon> {
    if (process.getuid?.() !== 0) throw new Error("kernel tests need root");
    const daemon = new TestDaemon(flags);
    try {
      await daemon.launch();
      return daemon;
    } catch (error) {
      await daemon[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The same with `busybox:latest` loaded. */
  static async withBusybox(...flags: string[]): Promise<TestDaemon> {
    const daemon = await TestDaemon.start(...flags);
    const loaded = await daemon.cli(["load", "-i", await busyboxArchive()]);
    if (loaded.code === 0) return daemon;
    await daemon[Symbol.asyncDispose]();
    throw new Error(`load: ${loaded.stderr}`);
  }

  get pid(): number {
    return this.#process!.pid;
  }

  get log(): string {
    return existsSync(this.logfile) ? readFileSync(this.logfile, "utf8") : "";
  }

  /** Starts the daemon (again) over the same folders. */
  async launch(): Promise<void> {
    const out = openSync(this.logfile, "a");
    this.#process = Bun.spawn([...bunkerCommand(), "daemon", ...this.#ownFlags(), ...this.#flags], {
      stdio: ["ignore", out, out],
      cwd: this.folder,
      env: { ...process.env, TMPDIR: this.tmp, BUN_TMPDIR: this.tmp },
    });
    closeSync(out);
    for (const end = Date.now() + 20_000; !(await this.answers()); await Bun.sleep(10)) {
      if (this.#process.exitCode !== null || Date.now() > end)
        throw new Error(`the daemon did not start:\n${this.log}`);
    }
  }

  async answers(): Promise<boolean> {
    try {
      return (await this.api("GET", "/_ping")).ok;
    } catch {
      return false;
    }
  }

  #ownFlags(): string[] {
    return [
      ...["--data-root", this.root, "--exec-root", this.execRoot, "--pidfile", this.pidfile],
      ...["--host", `unix://${this.socket}`, "--bridge-name", this.bridge, "--bip", `${this.address}/24`],
      ...["--cgroup-parent", this.cgroupParent],
    ];
  }

  /** `bunker ARGS` as a user of this daemon. */
  cli(args: readonly string[], options: CommandOptions = {}): Promise<Result> {
    return command([...bunkerCommand(), ...args], { ...options, env: { ...this.env, ...options.env } });
  }

  /** The output of a command that must succeed, without its last line end. */
  async ok(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.cli(args);
    if (code !== 0) throw new Error(`bunker ${args.join(" ")} ended with ${code}: ${stderr}`);
    return stdout.replace(/\n$/, "");
  }

  /** What a client finds this daemon by. */
  get env(): Record<string, string> {
    return { DOCKER_HOST: `unix://${this.socket}` };
  }

  /** One request to the API. */
  api(method: string, path: string, body?: unknown): Promise<Response> {
    const json =
      body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { "content-type": "application/json" } };
    return fetch(`http://bunker${path}`, { method, unix: this.socket, ...json });
  }

  /** A signal to the daemon alone, and its end: the exit code, or 128 + the signal. */
  async kill(signal: NodeJS.Signals): Promise<number> {
    const child = this.#process!;
    child.kill(signal);
    return child.exited;
  }

  /** Removes all containers, stops the daemon, and throws when anything is left on the host. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process?.exitCode === null && this.#process.signalCode === null) {
      const ids = await this.cli(["ps", "-aq"]);
      if (ids.stdout.trim() !== "") await this.cli(["rm", "-f", "-v", ...ids.stdout.trim().split("\n")]);
      await this.kill("SIGTERM");
    }
    const left = await settled(this.#before, this.scope, 10);
    const log = this.log.slice(-4000);
    for (const line of left) await endProcess(line);
    removeEmptyGroups(this.cgroupParent);
    rmSync(this.folder, { recursive: true, force: true });
    if (left.length > 0)
      throw new Error(`left behind by the daemon:\n${left.join("\n")}\n--- its log:\n${log}`);
  }
}

/** The parent itself is the administrator's, as with Docker: it stays, and is ours to remove. What is in it is not. */
function removeEmptyGroups(parent: string): void {
  for (const hierarchy of ["", ...readdirSync("/sys/fs/cgroup")]) {
    try {
      rmdirSync(join("/sys/fs/cgroup", hierarchy, parent));
    } catch {
      // no such group in this hierarchy, or not empty: the census says so
    }
  }
}

/** A process that should not be there any more is ended, so that the next test starts clean. */
async function endProcess(line: string): Promise<void> {
  const pid = /^process (\d+) /.exec(line)?.[1];
  if (!pid || Number(pid) === process.pid) return;
  try {
    process.kill(Number(pid), "SIGKILL");
  } catch {
    // it has gone by itself
  }
}

/** Waits until `condition` is true, or throws what was waited for. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  seconds = 10,
): Promise<void> {
  for (const end = Date.now() + seconds * 1000; !(await condition()); await Bun.sleep(20))
    if (Date.now() > end) throw new Error(`waited ${seconds} s for: ${what}`);
}
