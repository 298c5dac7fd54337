import { type RawStep, STEP_FLAG } from "../../ffi/plan.ts";

/**
 * The acts that a monitor can do, typed: each makes one step of a plan (ffi/monitor/plan.h). Order and choice are
 * libcontainer's. Paths named `host` are the host's, all others are looked up beneath the container's root.
 */
export interface Step extends RawStep {
  /** For `run --trace` and error texts: `mount /proc`. */
  readonly what: string;
  /** An open fd of ours, handed over; its number there goes into the first slot. */
  readonly fd?: number;
}

export const CLONE_NEW = {
  time: 0x00000080,
  mount: 0x00020000,
  cgroup: 0x02000000,
  uts: 0x04000000,
  ipc: 0x08000000,
  user: 0x10000000,
  pid: 0x20000000,
  network: 0x40000000,
} as const;

const flag = (set: Partial<Record<keyof typeof STEP_FLAG, boolean | undefined>>): number =>
  Object.entries(set).reduce(
    (all, [name, on]) => all | (on ? STEP_FLAG[name as keyof typeof STEP_FLAG] : 0),
    0,
  );

/** setns(2) into what `fd` (a namespace or a pidfd) or the host path stands for. */
export const setns = (what: string, from: { fd: number } | { path: string }, types: number): Step => ({
  kind: "SETNS",
  what: `join ${what}`,
  ...("fd" in from ? { fd: from.fd, n: [0, types] } : { s: [from.path], n: [0, types] }),
});

/** Writes `text` to a host file; `optional`: a missing file is no error. */
export const write = (host: string, text: string, optional = false): Step => ({
  kind: "WRITE",
  what: `write ${host}`,
  flags: flag({ OPTIONAL: optional }),
  s: [host, text],
});

export const unshare = (what: string, types: number): Step => ({
  kind: "UNSHARE",
  what: `unshare ${what}`,
  n: [types],
});

export const propagation = (host: string, flags: number): Step => ({
  kind: "PROPAGATION",
  what: `propagation of ${host}`,
  s: [host],
  n: [flags],
});

export interface Overlay {
  readonly lower: readonly string[];
  readonly upper: string;
  readonly work: string;
  readonly volatile?: boolean;
}

/** Mounts an overlay over the host directory `staging`: the new root. */
export const overlay = (staging: string, from: Overlay): Step => ({
  kind: "OVERLAY",
  what: "mount overlay",
  flags: flag({ VOLATILE: from.volatile }),
  s: [staging, from.upper, from.work],
  n: [{ strings: from.lower }, from.lower.length],
});

/** Binds the host directory `path` over `staging`: the new root. */
export const root = (staging: string, path: string, recursive: boolean): Step => ({
  kind: "ROOT",
  what: "bind root",
  flags: flag({ RECURSIVE: recursive }),
  s: [staging, path],
});

export interface Mounting {
  readonly target: string;
  readonly source: string;
  readonly type: string;
  readonly data: string;
  /** MS_* */
  readonly flags: number;
  /** MS_SHARED and so on, or 0 */
  readonly propagation: number;
  /** The target must be no link: for /proc and /sys. */
  readonly nofollow?: boolean;
  readonly copyUp?: boolean;
  /** A tmpfs without a mode of its own takes that of the directory it covers. */
  readonly keepMode?: boolean;
}

export const mount = (to: Mounting): Step => ({
  kind: "MOUNT",
  what: `mount ${to.target}`,
  flags: flag({ NOFOLLOW: to.nofollow, COPYUP: to.copyUp, KEEPMODE: to.keepMode }),
  s: [to.target, to.source, to.type, to.data],
  n: [to.flags, to.propagation],
});

export interface Binding {
  readonly target: string;
  readonly host: string;
  readonly recursive: boolean;
  /** MOUNT_ATTR_* to set and to clear */
  readonly set: bigint;
  readonly clear: bigint;
  /** The attributes reach all mounts beneath too (`rro` and the like). */
  readonly deep: boolean;
  readonly propagation: number;
  /** The same as MS_*, for kernels without mount_setattr(2). */
  readonly flags: number;
}

export const bind = (to: Binding): Step => ({
  kind: "BIND",
  what: `bind ${to.target}`,
  flags: flag({ RECURSIVE: to.recursive, RATTR: to.deep }),
  s: [to.target, to.host],
  n: [to.set, to.clear, to.propagation, to.flags],
});

/** Changes the attributes of the mount at `target`: MOUNT_ATTR_*, and MS_* for kernels without mount_setattr(2). */
export const attributes = (target: string, set: bigint, flags: number): Step => ({
  kind: "ATTRIBUTES",
  what: `attributes of ${target}`,
  s: [target],
  n: [set, flags],
});

/** `device` as makedev(3) gives it, `mode` with the type. */
export const mknod = (path: string, mode: number, device: bigint, uid: number, gid: number): Step => ({
  kind: "MKNOD",
  what: `mknod ${path}`,
  s: [path],
  n: [mode, device, uid, gid],
});

export const symlink = (path: string, says: string): Step => ({
  kind: "SYMLINK",
  what: `link ${path}`,
  s: [path, says],
});

export const mkdir = (path: string): Step => ({ kind: "MKDIR", what: `mkdir ${path}`, s: [path] });

/** The monitor's own executable as the container's init at `path`, held by the tmpfs `home`. */
export const init = (path: string, home: string): Step => ({
  kind: "INIT",
  what: `init ${path}`,
  s: [path, home],
});

/** A terminal of the container's devpts; `target` is where it is bound. Sizes in characters, 0 leaves them. */
export const consoleOf = (target: string | undefined, rows: number, columns: number): Step => ({
  kind: "CONSOLE",
  what: "console",
  s: [target],
  n: [rows, columns],
});

export const mask = (path: string): Step => ({ kind: "MASK", what: `mask ${path}`, s: [path] });
export const readonly = (path: string): Step => ({ kind: "READONLY", what: `read-only ${path}`, s: [path] });
export const readonlyRoot = (): Step => ({ kind: "READONLY_ROOT", what: "read-only root" });

/** `move`: the host's root is an initramfs, which pivot_root(2) refuses. */
export const pivot = (flags: number, move: boolean): Step => ({
  kind: "PIVOT",
  what: "pivot root",
  flags: flag({ MOVE: move }),
  n: [flags],
});

/** Sets the loopback link of a new network namespace up. */
export const loopback = (): Step => ({ kind: "LOOPBACK", what: "loopback up" });

export const hostname = (name: string): Step => ({ kind: "HOSTNAME", what: "hostname", s: [name] });
export const domainname = (name: string): Step => ({ kind: "DOMAINNAME", what: "domainname", s: [name] });

export const rlimit = (name: string, resource: number, soft: bigint, hard: bigint): Step => ({
  kind: "RLIMIT",
  what: `rlimit ${name}`,
  n: [resource, soft, hard],
});

export const keyring = (name: string): Step => ({ kind: "KEYRING", what: "session keyring", s: [name] });
export const stdio = (): Step => ({ kind: "STDIO", what: "stdio" });
export const noNewPrivileges = (): Step => ({ kind: "NO_NEW_PRIVILEGES", what: "no_new_privs" });

export const seccomp = (program: Uint8Array, flags: number): Step => ({
  kind: "SECCOMP",
  what: "seccomp",
  n: [program, program.length / 8, flags],
});

export const bounding = (mask: bigint): Step => ({ kind: "BOUNDING", what: "bounding set", n: [mask] });

export const user = (uid: number, gid: number, groups: readonly number[]): Step => ({
  kind: "USER",
  what: "user",
  n: [uid, gid, { words: groups }, groups.length],
});

export interface CapabilitySets {
  readonly effective: bigint;
  readonly permitted: bigint;
  readonly inheritable: bigint;
  readonly ambient: bigint;
}

export const capabilities = (sets: CapabilitySets): Step => ({
  kind: "CAPABILITIES",
  what: "capabilities",
  n: [sets.effective, sets.permitted, sets.inheritable, sets.ambient],
});

export const umask = (mask: number): Step => ({ kind: "UMASK", what: "umask", n: [mask] });

/** `tries`: permission denied is left to the next one, which does nothing when this one did. */
export const chdir = (path: string, tries = false): Step => ({
  kind: "CHDIR",
  what: `chdir ${path}`,
  flags: flag({ OPTIONAL: tries }),
  s: [path],
});

/** Finds the program as exec.LookPath of Go does. */
export const lookup = (program: string, path: string | undefined): Step => ({
  kind: "LOOKUP",
  what: `look up ${program}`,
  s: [program, path],
});

export const exec = (args: readonly string[], env: readonly string[]): Step => ({
  kind: "EXEC",
  what: `exec ${args[0]}`,
  n: [{ strings: args }, args.length, { strings: env }, env.length],
});
