import { EngineError, messageOf } from "../base/errors.ts";
import { BirthError } from "../sys/monitor.ts";
import type { Step } from "../sys/steps.ts";
import { StartError } from "./driver.ts";

/** errno in Go's words, which clients match on. */
const WORDS: Record<string, string> = {
  EPERM: "operation not permitted",
  ENOENT: "no such file or directory",
  ESRCH: "no such process",
  EINTR: "interrupted system call",
  EIO: "input/output error",
  ENXIO: "no such device or address",
  E2BIG: "argument list too long",
  EBADF: "bad file descriptor",
  EAGAIN: "resource temporarily unavailable",
  ENOMEM: "cannot allocate memory",
  EACCES: "permission denied",
  EBUSY: "device or resource busy",
  EEXIST: "file exists",
  EXDEV: "invalid cross-device link",
  ENODEV: "no such device",
  ENOTDIR: "not a directory",
  EISDIR: "is a directory",
  EINVAL: "invalid argument",
  ENFILE: "too many open files in system",
  EMFILE: "too many open files",
  ENOTTY: "inappropriate ioctl for device",
  ENOSPC: "no space left on device",
  EROFS: "read-only file system",
  ENAMETOOLONG: "file name too long",
  ENOSYS: "function not implemented",
  ELOOP: "too many levels of symbolic links",
};
const CREATE =
  "failed to create task for container: failed to create shim task: OCI runtime create failed: runc create failed: " +
  "unable to start container process: error during container init: ";
const EXEC = "OCI runtime exec failed: exec failed: unable to start container process: ";
const KIND_MISMATCH =
  ": Are you trying to mount a directory onto a file (or vice-versa)? " +
  "Check if the specified host path exists and is the expected type";

/**
 * A failed birth as the reference engine words it (its runtime's name included: clients match the whole), with the exit
 * code that it leaves in the container. What is no failed birth passes through.
 */
export function startError(error: unknown, kind: "create" | "exec"): unknown {
  if (error instanceof EngineError) return error;
  if (error instanceof RangeError) return new EngineError("invalid", messageOf(error), { cause: error });
  const text = error instanceof BirthError ? birthWords(error) : messageOf(error);
  return new StartError((kind === "create" ? CREATE : EXEC) + text, exitCodeOf(error), error);
}

function exitCodeOf(error: unknown): number {
  if (!(error instanceof BirthError)) return 128;
  const { code, step } = error;
  if (code === "ENOTDIR") return 127;
  if (code === "ENOENT" && (step?.kind === "LOOKUP" || step?.kind === "CHDIR")) return 127;
  return code === "EACCES" || code === "EISDIR" ? 126 : 128;
}

function birthWords({ step, code, call }: BirthError): string {
  const words = WORDS[code] ?? code;
  if (!step) return `${call}: ${words}`;
  const [first = "", second = ""] = step.s ?? [];
  switch (step.kind) {
    case "LOOKUP":
      return `exec: ${JSON.stringify(first)}: ${lookupWords(first, code, words)}`;
    case "CHDIR":
      return `chdir to cwd (${JSON.stringify(first)}) set in config.json failed: ${words}`;
    case "MKDIR":
      return code === "ENOTDIR" ? `Cannot mkdir: ${first} is not a directory` : `mkdir ${first}: ${words}`;
    case "BIND":
    case "MOUNT":
      return mountWords(first, second, code, words);
    case "MKNOD":
      return `configuring container /dev: error creating device nodes: mknodat ${first}: ${words}`;
    case "WRITE":
      return writeWords(step, words);
    case "RLIMIT":
      return `error setting rlimits for ready process: error setting rlimit type ${step.n?.[0]}: ${words}`;
    default:
      return `${step.what}: ${words}`;
  }
}

function lookupWords(program: string, code: string, words: string): string {
  if (code === "EISDIR") return "is a directory: permission denied";
  if (code === "EACCES") return words;
  return program.includes("/") ? `stat ${program}: ${words}` : "executable file not found in $PATH";
}

const mountWords = (target: string, source: string, code: string, words: string): string =>
  `error mounting ${JSON.stringify(source)} to rootfs at ${JSON.stringify(target)}: ` +
  `mount src=${source}, dst=${target}: ${words}${code === "ENOTDIR" ? KIND_MISMATCH : ""}`;

function writeWords(step: Step, words: string): string {
  const [path = "", text = ""] = step.s ?? [];
  if (path.startsWith("/proc/sys/")) {
    const key = path.slice("/proc/sys/".length).replaceAll("/", ".");
    return `failed to write sysctl ${key} = ${JSON.stringify(text)}: ${words}`;
  }
  if (/\/(tasks|cgroup\.procs)$/.test(path))
    return `unable to apply cgroup configuration: write ${path}: ${words}`;
  return `write ${path}: ${words}`;
}
