import { closeSync, readFileSync, writeSync } from "node:fs";
import { socketpair, z } from "../../ffi/libc.ts";
import { FAILED, HELLO, MESSAGE_TYPE } from "../../ffi/plan.ts";
import { shim } from "../../ffi/shim.ts";
import { Control, type Message } from "./control.ts";
import { check, SyscallError } from "./errors.ts";
import { type MonitorRequest, planOf, type Streams, streamBits } from "./plan.ts";
import { type Child, reap, spawnMonitor } from "./process.ts";
import { SocketPeer } from "./socket.ts";
import type { Step } from "./steps.ts";

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;

/** The birth failed: which step, and why. `step` is undefined when it was none of the plan's. */
export class BirthError extends SyscallError {
  readonly step: Step | undefined;

  constructor(call: string, step: Step | undefined, errno: number) {
    super(call, step?.what ?? "monitor", errno);
    this.step = step;
  }
}

/** How the process ended; `at` in nanoseconds since 1970. */
export interface Ended {
  readonly code: number;
  readonly at: bigint;
}

/** A started process and the connection to its monitor. */
export class Monitor {
  readonly pid: number;
  readonly attached: readonly SocketPeer[];
  /** What each step took, of the plan's first one on; empty unless asked for. nanoseconds */
  readonly trace: readonly number[];
  /** Undefined: the monitor has gone without saying how it ended. */
  readonly exited: Promise<Ended | undefined>;
  /** The monitor itself is gone, and its files are written. */
  readonly gone: Promise<void>;
  readonly #control: Control;

  constructor(control: Control, started: Message, attached: readonly SocketPeer[], gone: Promise<void>) {
    this.#control = control;
    this.pid = started.value;
    this.trace = wordsOf(started.payload);
    this.attached = attached;
    this.gone = gone;
    this.exited = control.exited.then((m) => m && { code: m.value, at: m.time });
  }

  /** Sets the terminal's size in characters. */
  async resize(rows: number, columns: number): Promise<void> {
    await this.#control.ask(MESSAGE_TYPE.RESIZE, rows, columns);
  }
}

/** Starts a monitor and waits until its process has been exec'ed. Throws BirthError; then nothing of it is left. */
export async function startMonitor(request: MonitorRequest): Promise<Monitor> {
  const control = pair();
  const attached = request.attach.map(pair);
  const theirs = attached.map((p) => p.theirs);
  const toClose = [control.theirs, ...theirs];
  let child: Child;
  try {
    const { bytes, fds } = planOf(request, theirs);
    const plan = check("memfd_create", "plan", shim().bk_memfd(z("bunker-plan")));
    toClose.push(plan);
    writeSync(plan, bytes);
    child = spawnMonitor(request.id, [control.theirs, plan, ...fds]);
  } catch (error) {
    for (const fd of [control.ours, ...attached.map((p) => p.ours)]) closeSync(fd);
    throw error;
  } finally {
    for (const fd of toClose) closeSync(fd);
  }
  const line = await Control.connect({ fd: control.ours });
  const peers = await Promise.all(attached.map((p) => SocketPeer.connect({ fd: p.ours })));
  const gone = line.closed.then(() => reap(child)).then(() => {});
  const answer = await line.started;
  if (answer?.type === MESSAGE_TYPE.STARTED) return new Monitor(line, answer, peers, gone);
  for (const peer of peers) peer.close();
  await gone;
  throw failure(request, answer);
}

/** Speaks to the monitor that an earlier daemon started. Undefined: there is none any more. */
export async function findMonitor(stateFolder: number): Promise<Monitor | undefined> {
  let line: Control;
  try {
    line = await Control.connect({ unix: socketPath(stateFolder) });
  } catch {
    return undefined; // ENOENT, ECONNREFUSED: it has ended
  }
  line.send(Uint8Array.of(HELLO.CONTROL));
  const answer = await line.started;
  if (answer?.type === MESSAGE_TYPE.STARTED) return new Monitor(line, answer, [], line.closed);
  line.close();
  return undefined;
}

/** One more attachment to a running process. Throws when its monitor has gone. */
export async function attachMonitor(stateFolder: number, streams: Streams): Promise<SocketPeer> {
  const peer = await SocketPeer.connect({ unix: socketPath(stateFolder) });
  await peer.write(Uint8Array.of(HELLO.ATTACH | streamBits(streams)));
  return peer;
}

/** What the monitor wrote down when the process had ended; undefined: it has not. */
export function readExit(stateFolder: number): Ended | undefined {
  try {
    const [code, at] = readFileSync(`/proc/self/fd/${stateFolder}/exit`, "utf8").trim().split(" ");
    return { code: Number(code), at: BigInt(at!) };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** By the fd: a state folder's own path may be longer than a socket's address. */
const socketPath = (folder: number): string => `/proc/self/fd/${folder}/monitor.sock`;

/** Neither end blocks. */
function pair(): { ours: number; theirs: number } {
  const fds = new Int32Array(2);
  check("socketpair", "", socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds));
  return { ours: fds[0]!, theirs: fds[1]! };
}

function wordsOf(bytes: Uint8Array): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Array.from({ length: bytes.length / 4 }, (_, index) => view.getUint32(index * 4, true));
}

const CALLS: Record<number, string> = {
  [FAILED.CLONE]: "clone3",
  [FAILED.JOIN]: "setns",
  [FAILED.STDIO]: "stdio",
  [FAILED.PLAN]: "plan",
  [FAILED.DIED]: "birth",
};

function failure(request: MonitorRequest, answer: Message | undefined): BirthError {
  const EIO = 5;
  if (!answer) return new BirthError("monitor", undefined, EIO);
  const step = request.steps[answer.index];
  return new BirthError(step?.kind.toLowerCase() ?? CALLS[answer.index] ?? "birth", step, answer.value);
}
