import { appendFileSync } from "node:fs";
import { encodeFrame } from "../../src/api/streams.ts";
import { conflict } from "../../src/base/errors.ts";
import type { Peer } from "../../src/base/peer.ts";
import { nowNanos, rfc3339 } from "../../src/base/units.ts";
import {
  type CgroupStats,
  type ExecDriver,
  type ExecRequest,
  type Exit,
  type Process,
  type RunRequest,
  StartError,
  type Stdio,
  type Streams,
} from "../../src/execdriver/driver.ts";
import { peerPair } from "./peers.ts";

const SIGNALED = 128;

/**
 * A process of nobody: `true`, `false` and `exit N` end at once, `echo` writes its words, `cat` gives back what it reads,
 * `sleep` waits for a signal, `stubborn` for SIGKILL. Any other program is not found.
 */
export class FakeProcess implements Process {
  static #pids = 1000;
  readonly pid = ++FakeProcess.#pids;
  readonly attached: readonly Peer[];
  readonly exited: Promise<Exit>;
  readonly sizes: [number, number][] = [];
  readonly #stdio: Stdio;
  readonly #args: readonly string[];
  readonly #readers = new Set<{ peer: Peer; streams: Streams }>();
  readonly #end = Promise.withResolvers<Exit>();
  alive = true;

  constructor(args: readonly string[], stdio: Stdio) {
    this.#args = args;
    this.#stdio = stdio;
    this.exited = this.#end.promise;
    this.attached = stdio.attach.map((streams) => this.#attach(streams));
    setImmediate(() => this.#run());
  }

  async attach(streams: Streams): Promise<Peer> {
    return this.#attach(streams);
  }

  async resize(height: number, width: number): Promise<void> {
    this.sizes.push([height, width]);
  }

  signal(number: number): void {
    if (!this.alive) throw conflict("process has ended");
    const deadly = number === 9 || (this.#args[0] !== "stubborn" && [1, 2, 15].includes(number));
    if (deadly) setImmediate(() => this.end(SIGNALED + number));
  }

  end(code: number, oomKilled = false): void {
    if (!this.alive) return;
    this.alive = false;
    for (const { peer } of this.#readers) peer.end();
    this.#end.resolve({ code, at: nowNanos(), oomKilled });
  }

  /** Writes to a stream: the log and whoever is attached. */
  async print(text: string, stream: 1 | 2 = 1): Promise<void> {
    const { log, tty } = this.#stdio;
    const name = stream === 1 ? "stdout" : "stderr";
    if (log)
      appendFileSync(log.path, `${JSON.stringify({ log: text, stream: name, time: rfc3339(nowNanos()) })}\n`);
    const bytes = Buffer.from(text);
    for (const { peer, streams } of this.#readers)
      if (streams[name]) await peer.write(tty ? bytes : encodeFrame(stream, bytes));
  }

  #attach(streams: Streams): Peer {
    const [inside, outside] = peerPair();
    this.#readers.add({ peer: inside, streams });
    if (streams.stdin) void this.#listen(inside);
    return outside;
  }

  async #listen(inside: Peer): Promise<void> {
    for await (const chunk of inside.input) await this.print(Buffer.from(chunk).toString());
    if (this.#stdio.stdinOnce && this.#args[0] === "cat") this.end(0);
  }

  async #run(): Promise<void> {
    const [program, ...words] = this.#args;
    if (program === "echo") await this.print(`${words.join(" ")}\n`);
    if (program === "true" || program === "echo") this.end(0);
    if (program === "false") this.end(1);
    if (program === "exit") this.end(Number(words[0]));
  }
}

const PROGRAMS = ["true", "false", "exit", "echo", "cat", "sleep", "stubborn"];

export class FakeExecDriver implements ExecDriver {
  readonly name = "fake";
  readonly init = "/init";
  readonly processes = new Map<string, FakeProcess>();
  readonly requests: RunRequest[] = [];
  readonly paused = new Set<string>();

  async run(request: RunRequest): Promise<Process> {
    this.requests.push(request);
    const process = begin(request.spec.process.args, request.stdio, "failed to create task for container");
    this.processes.set(request.id, process);
    return process;
  }

  async exec(request: ExecRequest): Promise<Process> {
    return begin(request.process.args, request.stdio, "OCI runtime exec failed");
  }

  async adopt(id: string): Promise<Process | undefined> {
    return this.processes.get(id);
  }

  async sweep(known: ReadonlySet<string>): Promise<void> {
    for (const id of this.processes.keys()) if (!known.has(id)) this.processes.delete(id);
  }

  async kill(id: string, signal: number): Promise<void> {
    const process = this.processes.get(id);
    if (!process) throw conflict(`container ${id} has no process`);
    process.signal(signal);
  }

  async pause(id: string): Promise<void> {
    this.paused.add(id);
  }

  async resume(id: string): Promise<void> {
    this.paused.delete(id);
  }

  async pids(): Promise<number[]> {
    return [process.pid];
  }

  async stats(): Promise<CgroupStats> {
    return {
      version: 2,
      cpu: { total: 5, user: 3, kernel: 2, periods: 0, throttled: 0, throttledTime: 0 },
      memory: { usage: 4096, limit: 8192, stats: { inactive_file: 0 } },
      pids: { current: 1 },
      blkio: {},
    };
  }

  async update(): Promise<void> {}

  async delete(id: string): Promise<void> {
    this.processes.delete(id);
  }

  resolveUser() {
    return { uid: 0, gid: 0, additionalGids: [], home: "/root" };
  }
}

function begin(args: readonly string[], stdio: Stdio, where: string): FakeProcess {
  const [program = ""] = args;
  if (!PROGRAMS.includes(program))
    throw new StartError(
      `${where}: exec: ${JSON.stringify(program)}: executable file not found in $PATH`,
      127,
    );
  return new FakeProcess(args, stdio);
}
