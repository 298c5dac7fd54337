import type { ContainerConfig, HostConfig } from "../api/container_config.ts";
import type { ContainerState } from "../api/containers.ts";
import type { EndpointSettings } from "../api/networks.ts";
import { conflict, EngineError, internal } from "../base/errors.ts";
import { ZERO_TIME } from "../base/units.ts";
import type { Exit, Process } from "../execdriver/driver.ts";
import type { Pending } from "./attach.ts";
import type { ContainerMount } from "./mounts.ts";
import { parseSignal } from "./signals.ts";

/** What was asked for; changes only by rename and update. Persisted as JSON in `containers.record`. */
export interface ContainerRecord {
  readonly id: string;
  name: string;
  /** RFC 3339 with nanoseconds */
  readonly created: string;
  /** `sha256:…`; empty for a container without an image */
  readonly image: string;
  readonly config: ContainerConfig;
  readonly hostConfig: HostConfig;
  /** By network name, as the create request gave them. */
  readonly endpoints: Record<string, EndpointSettings>;
  readonly mounts: readonly ContainerMount[];
  /** The program and its arguments: entrypoint and command together. */
  readonly path: string;
  readonly args: readonly string[];
  /** Folder of all that is kept beside the graph: log, hosts, hostname, resolv.conf. */
  readonly dir: string;
}

/** What is. Persisted as JSON in `containers.state`. */
export interface StateRecord {
  running: boolean;
  paused: boolean;
  restarting: boolean;
  removing: boolean;
  dead: boolean;
  oomKilled: boolean;
  pid: number;
  exitCode: number;
  error: string;
  /** RFC 3339, or ZERO_TIME */
  startedAt: string;
  finishedAt: string;
  restartCount: number;
  /** A stop or kill by a user: `unless-stopped` stays down after it. */
  stoppedByUser: boolean;
}

export const newState = (): StateRecord => ({
  running: false,
  paused: false,
  restarting: false,
  removing: false,
  dead: false,
  oomKilled: false,
  pid: 0,
  exitCode: 0,
  error: "",
  startedAt: ZERO_TIME,
  finishedAt: ZERO_TIME,
  restartCount: 0,
  stoppedByUser: false,
});

/** One start's steps, for `run --trace`. */
export interface TraceStep {
  step: string;
  micros: number;
}

const STOP_TIMEOUT_SECONDS = 10;

/**
 * One container: its record, its state, and what only lives in memory. Its methods are the state machine: a `may…` throws in
 * Docker's words when the verb is not allowed now; the others move the state. Writing to disk is the store's work.
 */
export class Container {
  readonly record: ContainerRecord;
  readonly state: StateRecord;
  /** The live first process; undefined unless running. */
  process?: Process;
  /** Attachments asked for before the start. */
  readonly pending: Pending[] = [];
  /** The steps of the last start. */
  trace: TraceStep[] = [];
  /** An earlier run, or half of one, may have left cgroups and a state folder. */
  traces = false;
  /** Set while a stop or kill wants the next exit to be the last one, whatever the restart policy says. */
  exitOnNext = false;
  readonly #hold: <T>(body: () => Promise<T>) => Promise<T>;

  constructor(
    record: ContainerRecord,
    state: StateRecord,
    hold: <T>(body: () => Promise<T>) => Promise<T> = (body) => body(),
  ) {
    this.record = record;
    this.state = state;
    this.#hold = hold;
  }

  get id(): string {
    return this.record.id;
  }
  /** Without the leading slash. */
  get name(): string {
    return this.record.name;
  }
  get image(): string {
    return this.record.image;
  }
  get config(): ContainerConfig {
    return this.record.config;
  }
  get hostConfig(): HostConfig {
    return this.record.hostConfig;
  }
  get dir(): string {
    return this.record.dir;
  }
  get logPath(): string {
    return `${this.dir}/${this.id}-json.log`;
  }
  /** True also while paused, and while waiting for a restart. */
  get running(): boolean {
    return this.state.running;
  }
  /** seconds; -1 is for ever */
  get stopTimeout(): number {
    return this.config.StopTimeout ?? STOP_TIMEOUT_SECONDS;
  }
  get stopSignal(): number {
    return this.config.StopSignal ? parseSignal(this.config.StopSignal) : parseSignal("SIGTERM");
  }
  get autoRemove(): boolean {
    return this.hostConfig.AutoRemove === true;
  }
  get neverStarted(): boolean {
    return this.state.startedAt === ZERO_TIME;
  }

  /** Runs `body` while no other verb that changes this container's state runs. */
  hold<T>(body: () => Promise<T>): Promise<T> {
    return this.#hold(body);
  }

  /** Docker's precedence: paused, restarting, running, removing, dead, created, exited. */
  get status(): ContainerState["Status"] {
    const { state } = this;
    if (state.running) return state.paused ? "paused" : state.restarting ? "restarting" : "running";
    if (state.removing) return "removing";
    if (state.dead) return "dead";
    return this.neverStarted ? "created" : "exited";
  }

  mayStart(): void {
    if (this.state.paused) throw conflict("cannot start a paused container, try unpause instead");
    if (this.state.running && !this.state.restarting)
      throw new EngineError("unmodified", `container ${this.id} is already running`);
    if (this.state.removing || this.state.dead)
      throw conflict("container is marked for removal and cannot be started");
  }

  mayPause(): void {
    if (!this.running) throw notRunning(this.id);
    if (this.state.paused) throw conflict(`Container ${this.id} is already paused`);
    if (this.state.restarting) throw restarting(this.id);
  }

  mayUnpause(): void {
    if (!this.state.paused) throw internal(`Container ${this.id} is not paused`);
  }

  mayExec(asked: string): void {
    if (!this.running || !this.process)
      throw this.state.restarting ? restarting(this.id) : notRunning(this.id);
    if (this.state.paused) throw conflict(`Container ${asked} is paused, unpause the container before exec`);
    if (this.state.restarting) throw restarting(this.id);
  }

  mayRemove(asked: string, force: boolean): void {
    if (this.state.removing) throw conflict(`removal of container ${asked} is already in progress`);
    if (!this.running || force) return;
    const why = this.state.paused
      ? "container is paused and must be unpaused first"
      : `container is ${this.status}: stop the container before removing or force remove`;
    throw conflict(`cannot remove container ${JSON.stringify(asked)}: ${why}`);
  }

  /** The live process. Throws `conflict` when there is none. */
  alive(): Process {
    if (!this.process) throw this.state.restarting ? restarting(this.id) : notRunning(this.id);
    return this.process;
  }

  started(process: Process, at: string): void {
    this.process = process;
    Object.assign(this.state, {
      running: true,
      restarting: false,
      paused: false,
      oomKilled: false,
      dead: false,
      pid: process.pid,
      exitCode: 0,
      error: "",
      startedAt: at,
      finishedAt: this.state.finishedAt,
      stoppedByUser: false,
    });
  }

  /** A start that did not come off: the state stays what it was, with the reason and the exit code that `run` ends with. */
  failed(exitCode: number, error: string): void {
    Object.assign(this.state, { running: false, restarting: false, pid: 0, exitCode, error });
  }

  exited(exit: Exit, at: string, again: boolean): void {
    this.process = undefined;
    Object.assign(this.state, {
      running: again,
      restarting: again,
      paused: false,
      oomKilled: exit.oomKilled,
      pid: 0,
      exitCode: exit.code,
      finishedAt: at,
    });
  }
}

export const notRunning = (id: string) => conflict(`container ${id} is not running`);
const restarting = (id: string) =>
  conflict(`Container ${id} is restarting, wait until the container is running`);
