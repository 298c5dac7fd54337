import { existsSync } from "node:fs";
import type { Resources } from "../oci/runtime.ts";
import { CgroupV1 } from "./cgroup_v1.ts";
import { CgroupV2 } from "./cgroup_v2.ts";

/** Where a process is put to be in the cgroup. */
export interface CgroupHandle {
  /** Absolute paths of `cgroup.procs`: the pid (or `0` for oneself) is written into each. v1: one a hierarchy. */
  readonly procs: readonly string[];
  /** v2: the directory, to be opened for clone3(CLONE_INTO_CGROUP). */
  readonly directory?: string;
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

/**
 * The cgroups of containers, on whichever hierarchy the host has. `path` is absolute beneath the hierarchy's root
 * (`/docker/<id>`); nothing above its parent is ever written. Throws SyscallError's kin of node:fs, with the file's name.
 */
export interface Cgroup {
  readonly version: 1 | 2;
  /** Makes the cgroup, its missing parents and its limits. On error nothing of `path` itself is left. */
  create(path: string, resources: Resources): CgroupHandle;
  /** The handle of a cgroup that exists: for an exec, or after a restart. */
  handle(path: string): CgroupHandle;
  /** Changes limits of a living cgroup; what `resources` does not name stays. Device rules are not looked at. */
  set(path: string, resources: Resources): void;
  /** Resolves when all processes stand still. */
  freeze(path: string): Promise<void>;
  thaw(path: string): void;
  stats(path: string): CgroupStats;
  /** All processes in it and beneath it, in the host's pid namespace, ascending. */
  pids(path: string): number[];
  /** Whether the kernel's out-of-memory killer has taken a process of it. False when it is gone. */
  oomKilled(path: string): boolean;
  /** Sends `signal` to every process in it and beneath it; none missed when it is SIGKILL. */
  kill(path: string, signal: number): Promise<void>;
  /** Removes it with what is beneath it. Waits up to a second for its last processes; no error when there is nothing. */
  delete(path: string): Promise<void>;
  /** Removes the cgroup parent `path` if nothing is in it. */
  prune(path: string): void;
}

let picked: Cgroup | undefined;

/** Pure v2 if `/sys/fs/cgroup` is the unified hierarchy, else v1 (hybrid included, as runc does it). */
export function cgroups(root = "/sys/fs/cgroup"): Cgroup {
  picked ??= existsSync(`${root}/cgroup.controllers`) ? new CgroupV2(root) : new CgroupV1(root);
  return picked;
}
