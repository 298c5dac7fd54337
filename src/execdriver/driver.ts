import { EngineError } from "../base/errors.ts";
import type { Peer } from "../base/peer.ts";
import type { Process as OciProcess, Resources, Spec, User } from "../oci/runtime.ts";

/** Where the root file system comes from. Overlays are mounted in the container's own mount namespace, never on the host. */
export type Rootfs =
  | { readonly kind: "path"; readonly path: string }
  | {
      readonly kind: "overlay";
      /** topmost first */
      readonly lower: readonly string[];
      readonly upper: string;
      readonly work: string;
      /** Skips syncing: only for containers removed at exit. */
      readonly volatile?: boolean;
    };

/** Which streams one reader or writer is attached to. */
export interface Streams {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
}

export interface Stdio {
  readonly tty: boolean;
  /** Keeps a pipe (or the terminal) open as standard input; else it is /dev/null. */
  readonly openStdin: boolean;
  /** End of file from the first attached writer closes standard input. */
  readonly stdinOnce: boolean;
  /** The json-file log; none: output goes to attached readers only. `maxSize` in bytes, 0 is unlimited. */
  readonly log?: { readonly path: string; readonly maxSize: number; readonly maxFiles: number };
  /** Attached from the first byte on; `Process.attached` has their ends in this order. */
  readonly attach: readonly Streams[];
}

export interface RunRequest {
  readonly id: string;
  readonly spec: Spec;
  readonly rootfs: Rootfs;
  /** The network namespace to join, an open fd that stays the caller's; undefined: as `spec.linux.namespaces` says. */
  readonly netns?: number;
  readonly stdio: Stdio;
  /** Called at each step of the birth with the time it took, for `run --trace`. microseconds */
  readonly trace?: (step: string, micros: number) => void;
}

export interface ExecRequest {
  /** The container whose namespaces and cgroups are joined. */
  readonly container: string;
  /** 64-hex id of the exec. */
  readonly id: string;
  readonly process: OciProcess;
  readonly stdio: Stdio;
}

export interface Exit {
  /** 0–255; 128+n when signal n ended it. */
  readonly code: number;
  /** nanoseconds since 1970 */
  readonly at: bigint;
  readonly oomKilled: boolean;
}

/** A process with its monitor: the container's first one, or an exec. */
export interface Process {
  /** In the host's pid namespace. */
  readonly pid: number;
  /** Resolves when it has ended and its output is in the log; never rejects. */
  readonly exited: Promise<Exit>;
  /** The ends of `Stdio.attach`. */
  readonly attached: readonly Peer[];
  /**
   * One more attachment; not for an exec, which has those of its start. `input` is what the process writes: Docker's 8-byte frames, raw bytes with a tty;
   * it ends when the process has ended. Written bytes go to its standard input, `end()` is end of file there.
   */
  attach(streams: Streams): Promise<Peer>;
  /** Sets the terminal's size in characters; without a terminal nothing happens. */
  resize(height: number, width: number): Promise<void>;
}

/** One reading of a container's cgroups. Times in nanoseconds, sizes in bytes. */
export interface CgroupStats {
  readonly version: 1 | 2;
  readonly cpu: {
    total: number;
    user: number;
    kernel: number;
    percpu?: number[];
    periods: number;
    throttled: number;
    throttledTime: number;
  };
  readonly memory: {
    usage: number;
    maxUsage?: number;
    limit?: number;
    failcnt?: number;
    stats: Record<string, number>;
  };
  readonly pids: { current: number; limit?: number };
  readonly blkio: Record<string, { major: number; minor: number; op: string; value: number }[]>;
}

/** A start or exec that the kernel or the image refused. `exitCode`: 127 no such command, 126 it cannot be run, 128 all else. */
export class StartError extends EngineError {
  readonly exitCode: number;

  constructor(message: string, exitCode: number, cause?: unknown) {
    super("invalid", message, { cause });
    this.name = "StartError";
    this.exitCode = exitCode;
  }
}

/** The port to what runs containers. Errors are EngineErrors; a start that failed says why in Docker's words. */
export interface ExecDriver {
  readonly name: string;
  /** Resolves when the process has been exec'ed. On error nothing is left: no cgroup, no mount, no process. */
  run(request: RunRequest): Promise<Process>;
  exec(request: ExecRequest): Promise<Process>;
  /**
   * Finds a container that an earlier daemon started. Its `exited` is already resolved, with the real code, when it ended
   * meanwhile. Undefined: no trace of it (the machine was restarted).
   */
  adopt(id: string, stdio: Pick<Stdio, "tty">): Promise<Process | undefined>;
  /** Sends a signal by number to the first process. Throws `conflict` when it has ended. */
  kill(id: string, signal: number): Promise<void>;
  pause(id: string): Promise<void>;
  resume(id: string): Promise<void>;
  /** Host pids of all processes in the container, first one first. */
  pids(id: string): Promise<number[]>;
  stats(id: string): Promise<CgroupStats>;
  update(id: string, resources: Resources): Promise<void>;
  /** Kills and removes what an earlier daemon of this engine left of containers that are not `known` any more. */
  sweep(known: ReadonlySet<string>): Promise<void>;
  /** Removes cgroups and state of a container that has ended; no error when there is nothing. */
  delete(id: string): Promise<void>;
  /**
   * Who `name|uid[:group|gid]` is by /etc/passwd and /etc/group beneath that root (empty: root), with `groups` besides.
   * Throws in Docker's words: `unable to find user x: no matching entries in passwd file`.
   */
  resolveUser(rootfs: Rootfs, user: string, groups: readonly string[]): User & { home: string };
  /** The file that is bound at /sbin/docker-init for a container that asks for an init. */
  readonly init: string;
}
