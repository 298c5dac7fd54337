import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { release } from "node:os";
import { dirname, join } from "node:path";
import { conflict, EngineError, messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { LockFile } from "../sys/lock.ts";
import { notify } from "../sys/notify.ts";

/** openat2(2) keeps paths beneath a container's root. */
const OLDEST_KERNEL = [5, 6] as const;

/** Throws, with what to do, when this host cannot run containers at all. */
export function checkHost(): void {
  if (process.getuid?.() !== 0)
    throw new EngineError(
      "forbidden",
      "bunker daemon needs root: start it with sudo, or as a service of the system",
    );
  const [major = 0, minor = 0] = release().split(/[.-]/).map(Number);
  if (major < OLDEST_KERNEL[0] || (major === OLDEST_KERNEL[0] && minor < OLDEST_KERNEL[1]))
    throw new EngineError(
      "unsupported",
      `Linux ${release()} is too old: bunker needs ${OLDEST_KERNEL.join(".")} or newer`,
    );
  for (const namespace of ["mnt", "pid", "net", "ipc", "uts"])
    if (!existsSync(`/proc/self/ns/${namespace}`))
      throw new EngineError("unsupported", `this kernel has no ${namespace} namespaces`);
  if (!existsSync("/sys/fs/cgroup/cgroup.controllers") && !existsSync("/sys/fs/cgroup/devices"))
    throw new EngineError("unsupported", "Devices cgroup isn't mounted: mount cgroups below /sys/fs/cgroup");
}

/** Makes the folder and takes it for this process. Throws `conflict` when another daemon has it. */
export function lockRoot(root: string): LockFile {
  mkdirSync(root, { recursive: true, mode: 0o710 });
  const lock = LockFile.take(join(root, "bunker.lock"));
  if (lock instanceof LockFile) return lock;
  throw conflict(
    `another bunker daemon (process ${lock}) uses the data root ${root}: stop it, or choose another with --data-root`,
  );
}

/** Writes our pid; what it returns removes the file again. Throws `conflict` when a living process stands there. */
export function writePidFile(path: string): () => void {
  if (path === "") return () => {};
  const pid = existsSync(path) ? Number(readFileSync(path, "utf8").trim()) : 0;
  if (pid > 0 && pid !== process.pid && lives(pid))
    throw conflict(
      `process with PID ${pid} is still running: stop that daemon, delete ${path} if it is none, or choose another with --pidfile`,
    );
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, String(process.pid), { mode: 0o644 });
  return () => rmSync(path, { force: true });
}

/** A zombie does not: it has ended, and only its parent has not looked yet. proc_pid_stat(5) */
function lives(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
  } catch {
    return false;
  }
}

/** The engine's id: made once for a data root. */
export function engineId(root: string): string {
  const path = join(root, "engine-id");
  if (existsSync(path)) return readFileSync(path, "utf8").trim();
  const id = crypto.randomUUID();
  writeFileSync(path, id, { mode: 0o600 });
  return id;
}

/** Tells the service manager that started us, if one did: `READY=1`, `STOPPING=1`. Never throws. */
export function tellManager(state: string, log: Log): void {
  const socket = process.env.NOTIFY_SOCKET;
  if (!socket) return;
  try {
    notify(socket, state);
  } catch (error) {
    log.warn("the service manager was not told", { state, error: messageOf(error) });
  }
}
