/** The bytes of a plan: ffi/monitor/plan.h in TypeScript, held against it by test/abi/offsets.test.ts. */

export const PLAN_MAGIC = 0x6e616c70;
/** What a monitor finds open; more fds follow from `FD_FIRST` on. */
export const FD_FIRST = 5;

export const PLAN_FLAG = { TTY: 1, OPEN_STDIN: 2, STDIN_ONCE: 4, TRACE: 8 } as const;
export const STREAM = { STDIN: 1, STDOUT: 2, STDERR: 4 } as const;

/** Offsets in struct plan. */
export const PLAN = {
  magic: 0,
  size: 4,
  flags: 8,
  uid: 12,
  gid: 16,
  state_dir: 20,
  cgroup_dir: 24,
  join: 28,
  clone_flags: 32,
  steps: 40,
  step_count: 44,
  attach: 48,
  attach_count: 52,
  log_fd: 56,
  log_path: 60,
  log_max_size: 64,
  log_max_files: 72,
  kill_file: 76,
  birth_fd: 80,
  birth_fd_count: 84,
} as const;
export const PLAN_SIZE = 88;

/** Offsets in struct step. */
export const STEP = { kind: 0, flags: 4, s: 8, n: 24 } as const;
export const STEP_SIZE = 56;

/** STEP_* in the order of plan.h, from 1. */
export const KINDS = [
  "SETNS",
  "WRITE",
  "UNSHARE",
  "PROPAGATION",
  "OVERLAY",
  "ROOT",
  "MOUNT",
  "BIND",
  "MKNOD",
  "SYMLINK",
  "MKDIR",
  "INIT",
  "CONSOLE",
  "MASK",
  "READONLY",
  "READONLY_ROOT",
  "PIVOT",
  "HOSTNAME",
  "DOMAINNAME",
  "RLIMIT",
  "KEYRING",
  "STDIO",
  "NO_NEW_PRIVILEGES",
  "SECCOMP",
  "BOUNDING",
  "USER",
  "CAPABILITIES",
  "UMASK",
  "CHDIR",
  "LOOKUP",
  "EXEC",
  "ATTRIBUTES",
  "LOOPBACK",
] as const;
export type Kind = (typeof KINDS)[number];

export const STEP_FLAG = {
  OPTIONAL: 1,
  VOLATILE: 2,
  RECURSIVE: 4,
  NOFOLLOW: 8,
  COPYUP: 16,
  RATTR: 32,
  MOVE: 64,
  KEEPMODE: 128,
} as const;

/** Offsets in struct message. */
export const MESSAGE = { type: 0, value: 4, index: 8, length: 12, time: 16 } as const;
export const MESSAGE_SIZE = 24;
export const MESSAGE_TYPE = { STARTED: 1, FAILED: 2, EXITED: 3, RESIZE: 4, RESULT: 5 } as const;
export const FAILED = {
  PLAN: 0xffffffff,
  STDIO: 0xfffffffe,
  CLONE: 0xfffffffd,
  JOIN: 0xfffffffc,
  DIED: 0xfffffffb,
} as const;
export const HELLO = { CONTROL: 0x43, ATTACH: 0x40 } as const;

/** A number, or an array laid down elsewhere in the plan, whose offset then stands in the slot. */
export type Slot =
  | number
  | bigint
  | { strings: readonly string[] }
  | { words: readonly number[] }
  | Uint8Array;

export interface RawStep {
  readonly kind: Kind;
  readonly flags?: number;
  readonly s?: readonly (string | undefined)[];
  readonly n?: readonly Slot[];
}

export interface RawPlan {
  readonly fields: Partial<Record<keyof typeof PLAN, number | bigint>>;
  readonly steps: readonly RawStep[];
  readonly attach: readonly { fd: number; streams: number }[];
  readonly logPath?: string;
  readonly killFile?: string;
}

const NUMBER = new Map<string, number>(KINDS.map((kind, index) => [kind, index + 1]));
const WIDE: ReadonlySet<string> = new Set(["clone_flags", "log_max_size"]);

/** The plan as one piece of bytes. A string with a NUL in it cannot be said and throws RangeError. */
export function encodePlan(plan: RawPlan): Uint8Array {
  const steps = PLAN_SIZE;
  const attach = steps + plan.steps.length * STEP_SIZE;
  const heap = new Heap(attach + plan.attach.length * 8);
  plan.steps.forEach((step, index) => {
    putStep(heap, steps + index * STEP_SIZE, step);
  });
  plan.attach.forEach(({ fd, streams }, index) => {
    heap.u32(attach + index * 8, fd);
    heap.u32(attach + index * 8 + 4, streams);
  });
  const fields = {
    ...plan.fields,
    magic: PLAN_MAGIC,
    steps,
    step_count: plan.steps.length,
    attach,
    attach_count: plan.attach.length,
    log_path: plan.logPath === undefined ? 0 : heap.string(plan.logPath),
    kill_file: plan.killFile === undefined ? 0 : heap.string(plan.killFile),
    size: heap.size,
  };
  for (const [name, value] of Object.entries(fields)) {
    const offset = PLAN[name as keyof typeof PLAN];
    if (WIDE.has(name)) heap.u64(offset, BigInt(value));
    else heap.u32(offset, Number(value));
  }
  return heap.bytes();
}

function putStep(heap: Heap, at: number, step: RawStep): void {
  heap.u32(at + STEP.kind, NUMBER.get(step.kind)!);
  heap.u32(at + STEP.flags, step.flags ?? 0);
  step.s?.forEach((text, index) => {
    if (text !== undefined) heap.u32(at + STEP.s + index * 4, heap.string(text));
  });
  step.n?.forEach((slot, index) => {
    heap.u64(at + STEP.n + index * 8, BigInt.asUintN(64, BigInt(heap.slot(slot))));
  });
}

/** Bytes that grow; arrays begin on multiples of eight. */
class Heap {
  #buffer = Buffer.alloc(32 * 1024);
  #used: number;

  constructor(fixed: number) {
    this.#used = 0;
    this.#take(fixed);
  }

  get size(): number {
    return this.#used;
  }

  bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#used);
  }

  u32(offset: number, value: number): void {
    this.#buffer.writeInt32LE(value | 0, offset);
  }

  u64(offset: number, value: bigint): void {
    this.#buffer.writeBigUInt64LE(BigInt.asUintN(64, value), offset);
  }

  string(text: string): number {
    if (text.includes("\0")) throw new RangeError(`NUL in ${JSON.stringify(text)}`);
    const length = Buffer.byteLength(text);
    const at = this.#take(length + 1);
    this.#buffer.write(text, at);
    return at;
  }

  slot(slot: Slot): number | bigint {
    if (typeof slot === "number" || typeof slot === "bigint") return slot;
    if (slot instanceof Uint8Array) {
      const at = this.#array(slot.length);
      this.#buffer.set(slot, at);
      return at;
    }
    const words = "words" in slot ? slot.words : slot.strings.map((text) => this.string(text));
    const at = this.#array(words.length * 4);
    words.forEach((word, index) => {
      this.u32(at + index * 4, word);
    });
    return at;
  }

  #array(length: number): number {
    this.#take(-this.#used & 7);
    return this.#take(length);
  }

  #take(length: number): number {
    const at = this.#used;
    this.#used += length;
    if (this.#used > this.#buffer.length)
      this.#buffer = Buffer.concat([this.#buffer], Math.max(this.#used, this.#buffer.length * 2));
    return at;
  }
}
