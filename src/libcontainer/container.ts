import { closeSync, existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { conflict, invalid, messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { Undo } from "../base/undo.ts";
import type { Process, Spec } from "../oci/runtime.ts";
import { openFolder } from "../sys/files.ts";
import {
  attachMonitor,
  BirthError,
  type Ended,
  findMonitor,
  type Monitor,
  readExit,
  startMonitor,
} from "../sys/monitor.ts";
import { mountPointOf, rootIsInitramfs } from "../sys/mount.ts";
import type { Streams } from "../sys/plan.ts";
import type { SocketPeer } from "../sys/socket.ts";
import { type CgroupHandle, cgroups } from "./cgroup.ts";
import { Fds } from "./fds.ts";
import { ProcessHandle } from "./handle.ts";
import { execPlanOf, type Plan, planOf, type Root } from "./plan.ts";
import { compileSeccomp, seccompFlags } from "./seccomp.ts";
import { bootId, type ContainerState, makeFolder, readState, removeFolder, writeState } from "./state.ts";

/** The mount source that stands for the embedded init; no host path looks like it. */
export const INIT = "embedded:docker-init";

/** Its monitor listens there, from before the birth until the end is written down (ffi/monitor/main.c). */
const MONITOR_SOCKET = "monitor.sock";

const KILLED = 128 + 9;
const SIGKILL = 9;

/** Standard input and output of a process. */
export interface Stdio {
  readonly tty: boolean;
  readonly openStdin: boolean;
  readonly stdinOnce: boolean;
  readonly log?: { readonly path: string; readonly maxSize: number; readonly maxFiles: number };
  readonly attach: readonly Streams[];
}

export interface StartRequest {
  readonly id: string;
  readonly spec: Spec;
  readonly rootfs: Root;
  /** An open network namespace; the caller's. */
  readonly netns?: number;
  readonly stdio: Stdio;
  readonly trace?: (step: string, micros: number) => void;
}

/** A container whose first process has been exec'ed, with the monitor beside it. */
export interface Container {
  readonly state: ContainerState;
  readonly monitor: Monitor;
  readonly process: ProcessHandle;
  /** Never rejects; after it no process of the container is left. */
  readonly exited: Promise<Ended>;
}

/** How a container was found after a restart of the daemon. */
export type Found =
  | { readonly running: Container }
  | { readonly state: ContainerState; readonly ended: Ended };

/** An OCI runtime over a folder of state: start, exec, find, delete. Throws EngineError, SyscallError, BirthError. */
export class Libcontainer {
  readonly #root: string;
  readonly #owner: string;
  readonly #log: Log;
  #initramfs: boolean | undefined;

  constructor(root: string, owner: string, log: Log) {
    this.#root = root;
    this.#owner = owner;
    this.#log = log;
  }

  /** Resolves when the process has been exec'ed. On error nothing is left. */
  start(request: StartRequest): Promise<Container> {
    const undo = new Undo(this.#log);
    return undo.around(() => this.#start(request, undo));
  }

  async #start(request: StartRequest, undo: Undo): Promise<Container> {
    const { id, spec, stdio } = request;
    const lap = stopwatch(request.trace);
    const path = spec.linux.cgroupsPath;
    if (!path?.startsWith("/")) throw invalid(`cgroupsPath ${path} is not absolute`);
    const folder = join(this.#root, id);
    makeFolder(folder);
    undo.push("remove the state", () => removeFolder(folder));
    const state = stateOf(request, path, this.#owner);
    writeState(folder, state); // before what it tells of: a daemon killed here leaves no cgroup that nobody knows
    lap("state");
    const cgroup = cgroups().create(path, spec.linux.resources ?? {});
    undo.push("remove the cgroup", () => cgroups().delete(path));
    lap("cgroup");
    const plan = this.#plan(request, state, cgroup, folder);
    lap("plan");
    const fds = new Fds();
    let monitor: Monitor;
    try {
      monitor = await startMonitor({
        id,
        steps: plan.steps,
        namespaces: plan.namespaces,
        stdio: { ...stdio, uid: spec.process.user.uid, gid: spec.process.user.gid, log: fds.log(stdio.log) },
        attach: stdio.attach,
        stateFolder: fds.folder(folder),
        cgroup: cgroup.directory === undefined ? undefined : fds.folder(cgroup.directory),
        join: plan.joinPid === undefined ? undefined : fds.file(plan.joinPid),
        trace: request.trace !== undefined,
        killFile: state.ownPids ? undefined : cgroup.procs[0],
      });
    } finally {
      fds.close();
    }
    lap("birth");
    monitor.trace.forEach((nanos, index) => {
      request.trace?.(`  ${plan.steps[index]!.what}`, nanos / 1000);
    });
    return this.#running(state, monitor);
  }

  #plan(request: StartRequest, state: ContainerState, cgroup: CgroupHandle, folder: string): Plan {
    this.#initramfs ??= rootIsInitramfs();
    return planOf({
      id: request.id,
      spec: request.spec,
      root: request.rootfs,
      staging: folder,
      netns: request.netns,
      cgroup: { procs: cgroup.procs, path: state.cgroup, version: cgroups().version },
      seccomp: state.seccomp,
      host: { initramfs: this.#initramfs, mountPointOf },
      init: INIT,
    });
  }

  /** One more process in a running container, with a monitor of its own. Throws `conflict` when it has ended. */
  async exec(container: Container, id: string, process: Process, stdio: Stdio): Promise<Monitor> {
    const { state } = container;
    const pidfd = container.process.get();
    if (pidfd === undefined) throw conflict(`container ${state.id} is not running`);
    const cgroup = cgroups().handle(state.cgroup);
    const v2 = cgroup.directory !== undefined;
    const fds = new Fds();
    try {
      return await startMonitor({
        id,
        steps: execPlanOf(process, {
          id: state.id,
          pidfd,
          procs: v2 ? [] : cgroup.procs,
          seccomp: state.seccomp,
        }),
        namespaces: 0,
        stdio: { ...stdio, uid: process.user.uid, gid: process.user.gid, log: fds.log(stdio.log) },
        attach: stdio.attach,
        cgroup: v2 ? fds.folder(cgroup.directory!) : undefined,
        join: pidfd,
        trace: false,
      });
    } catch (error) {
      if (hasEnded(error)) throw conflict(`container ${state.id} is not running`, error);
      throw error;
    } finally {
      fds.close();
    }
  }

  /** A container that an earlier daemon started. Undefined: no trace of it. */
  async find(id: string): Promise<Found | undefined> {
    const folder = join(this.#root, id);
    const state = readState(folder);
    if (!state || state.boot !== bootId()) return undefined;
    const fd = openFolder(folder);
    try {
      const monitor = await findMonitor(fd);
      if (monitor) return { running: this.#running(state, monitor) };
      const end = readExit(fd);
      if (end) return { state, ended: end };
    } finally {
      closeSync(fd);
    }
    if (!existsSync(join(folder, MONITOR_SOCKET))) {
      await this.delete(id); // the daemon was killed before there was a monitor
      return undefined;
    }
    await this.#killAll(state); // its monitor was killed: nobody would see its end
    return { state, ended: { code: KILLED, at: now() } };
  }

  /** One more attachment. Throws `conflict` when the container has ended. */
  async attach(id: string, streams: Streams): Promise<SocketPeer> {
    const fds = new Fds();
    try {
      return await attachMonitor(fds.folder(join(this.#root, id)), streams);
    } catch (error) {
      throw conflict(`container ${id} is not running`, error);
    } finally {
      fds.close();
    }
  }

  /** Removes the cgroup and the state of a container that has ended; no error when there is nothing. */
  async delete(id: string): Promise<void> {
    const folder = join(this.#root, id);
    const state = readState(folder);
    if (state) await cgroups().delete(state.cgroup);
    await removeFolder(folder);
  }

  /** Kills and removes our containers whose id is not `known`: their daemon died between forgetting and removing them. */
  async sweep(known: ReadonlySet<string>): Promise<void> {
    for (const entry of readdirSync(this.#root, { withFileTypes: true })) {
      const id = entry.name;
      if (known.has(id) || !entry.isDirectory()) continue;
      const state = readState(join(this.#root, id));
      if (state?.owner !== this.#owner) continue;
      await this.#killAll(state);
      await this.delete(id);
      this.#log.info("removed a container that nobody knows", { container: id });
    }
  }

  #running(state: ContainerState, monitor: Monitor): Container {
    const process = new ProcessHandle(monitor.pid, state.cgroup);
    const exited = this.#end(state, monitor).finally(() => process.close());
    return { state, monitor, process, exited };
  }

  async #end(state: ContainerState, monitor: Monitor): Promise<Ended> {
    const end = await monitor.exited;
    if (!end) this.#log.error("the monitor has gone: its container is killed", { container: state.id });
    // as runc: what shares the host's pids would live on
    if (!end || !state.ownPids) await this.#killAll(state);
    return end ?? { code: KILLED, at: now() };
  }

  async #killAll({ id, cgroup }: ContainerState): Promise<void> {
    try {
      if (cgroups().pids(cgroup).length > 0) await cgroups().kill(cgroup, SIGKILL);
    } catch (error) {
      this.#log.error("what is left of a container cannot be killed", {
        container: id,
        error: messageOf(error),
      });
    }
  }
}

function stateOf({ id, spec, stdio }: StartRequest, cgroup: string, owner: string): ContainerState {
  const { seccomp, namespaces } = spec.linux;
  return {
    id,
    boot: bootId(),
    cgroup,
    owner,
    tty: stdio.tty,
    ownPids: namespaces.some(({ type, path }) => type === "pid" && !path),
    seccomp: seccomp && { program: compileSeccomp(seccomp), flags: seccompFlags(seccomp) },
  };
}

/** ESRCH: there is no process any more whose namespaces could be joined. */
const hasEnded = (error: unknown): boolean =>
  error instanceof BirthError && error.code === "ESRCH" && (!error.step || error.step.kind === "SETNS");

const now = (): bigint => BigInt(Date.now()) * 1_000_000n;

function stopwatch(trace: StartRequest["trace"]): (step: string) => void {
  let last = performance.now();
  return (step) => {
    const moment = performance.now();
    trace?.(step, (moment - last) * 1000);
    last = moment;
  };
}
