import { encodePlan, FD_FIRST, PLAN_FLAG, STREAM } from "../../ffi/plan.ts";
import type { Step } from "./steps.ts";

/** Which streams an attachment carries. */
export interface Streams {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
}

export interface MonitorRequest {
  readonly id: string;
  readonly steps: readonly Step[];
  /** CLONE_NEW*, all at once */
  readonly namespaces: number;
  readonly stdio: {
    readonly tty: boolean;
    readonly openStdin: boolean;
    readonly stdinOnce: boolean;
    /** who owns the pipes */
    readonly uid: number;
    readonly gid: number;
    /** `fd` open for appending; the caller's */
    readonly log?: { fd: number; path: string; maxSize: number; maxFiles: number };
  };
  readonly attach: readonly Streams[];
  /** An open folder for monitor.sock and the exit file; none: neither is made. The caller's. */
  readonly stateFolder?: number;
  /** An open cgroup v2 folder to be born in. The caller's. */
  readonly cgroup?: number;
  /** An open pidfd, or pid namespace, to be born in. The caller's. */
  readonly join?: number;
  readonly trace: boolean;
  /** A `cgroup.procs`: whatever it lists is killed when the process has ended. */
  readonly killFile?: string;
}

export const streamBits = ({ stdin, stdout, stderr }: Streams): number =>
  (stdin ? STREAM.STDIN : 0) | (stdout ? STREAM.STDOUT : 0) | (stderr ? STREAM.STDERR : 0);

/**
 * The plan's bytes, and the fds that the monitor inherits from `FD_FIRST` on. What only the birth needs comes last: the
 * monitor closes it afterwards.
 */
export function planOf(
  request: MonitorRequest,
  attached: readonly number[],
): { bytes: Uint8Array; fds: readonly number[] } {
  const { stdio } = request;
  const fds: number[] = [];
  const hand = (fd: number | undefined): number => (fd === undefined ? -1 : FD_FIRST - 1 + fds.push(fd));
  const lasting = { state_dir: hand(request.stateFolder), log_fd: hand(stdio.log?.fd) };
  const attach = attached.map((fd, index) => ({ fd: hand(fd), streams: streamBits(request.attach[index]!) }));
  const birth = FD_FIRST + fds.length;
  const passing = { cgroup_dir: hand(request.cgroup), join: hand(request.join) };
  const steps = request.steps.map((step) =>
    step.fd === undefined ? step : { ...step, n: [hand(step.fd), ...(step.n ?? []).slice(1)] },
  );
  const bytes = encodePlan({
    fields: {
      ...lasting,
      ...passing,
      flags:
        (stdio.tty ? PLAN_FLAG.TTY : 0) |
        (stdio.openStdin ? PLAN_FLAG.OPEN_STDIN : 0) |
        (stdio.stdinOnce ? PLAN_FLAG.STDIN_ONCE : 0) |
        (request.trace ? PLAN_FLAG.TRACE : 0),
      uid: stdio.uid,
      gid: stdio.gid,
      clone_flags: request.namespaces,
      log_max_size: stdio.log?.maxSize ?? 0,
      log_max_files: stdio.log?.maxFiles ?? 1,
      birth_fd: birth,
      birth_fd_count: FD_FIRST + fds.length - birth,
    },
    steps,
    attach,
    logPath: stdio.log?.path,
    killFile: request.killFile,
  });
  return { bytes, fds };
}
