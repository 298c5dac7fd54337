import { conflict, unsupported } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Peer } from "../base/peer.ts";
import { cgroups } from "../libcontainer/cgroup.ts";
import { type Container, INIT, Libcontainer } from "../libcontainer/container.ts";
import { resolveUser } from "../libcontainer/user.ts";
import type { Resources } from "../oci/runtime.ts";
import type { Ended, Monitor } from "../sys/monitor.ts";
import type {
  CgroupStats,
  ExecDriver,
  ExecRequest,
  Exit,
  Process,
  Rootfs,
  RunRequest,
  Stdio,
  Streams,
} from "./driver.ts";
import { startError } from "./words.ts";

/** Runs containers by our own libcontainer, each beside its own monitor process. */
export class NativeDriver implements ExecDriver {
  readonly name = "native";
  readonly init = INIT;
  readonly #libcontainer: Libcontainer;
  readonly #running = new Map<string, Container>();
  /** Monitors that have told the end and still write it down. */
  readonly #ending = new Map<string, Promise<void>>();

  /** `root`: the exec-root; each container has a state folder beneath it. `owner`: the engine's id. */
  constructor({ root, owner, log }: { root: string; owner: string; log: Log }) {
    this.#libcontainer = new Libcontainer(root, owner, log);
  }

  async run(request: RunRequest): Promise<Process> {
    const { id } = request;
    if (this.#running.has(id)) throw conflict(`container ${id} is already running`);
    await this.#ending.get(id);
    try {
      return this.#keep(await this.#libcontainer.start(request));
    } catch (error) {
      throw startError(error, "create");
    }
  }

  async exec(request: ExecRequest): Promise<Process> {
    const { id, process, stdio } = request;
    const container = this.#get(request.container);
    let monitor: Monitor;
    try {
      monitor = await this.#libcontainer.exec(container, id, process, stdio);
    } catch (error) {
      throw startError(error, "exec");
    }
    const exited = monitor.exited.then((end) => exitOf(end, false));
    return processOf(monitor, exited, () => {
      throw unsupported(`exec ${id} takes no more attachments than those of its start`);
    });
  }

  async adopt(id: string, _stdio: Pick<Stdio, "tty">): Promise<Process | undefined> {
    const found = await this.#libcontainer.find(id);
    if (!found) return undefined;
    if ("running" in found) return this.#keep(found.running);
    const exit = exitOf(found.ended, cgroups().oomKilled(found.state.cgroup));
    return {
      pid: 0,
      exited: Promise.resolve(exit),
      attached: [],
      attach: () => Promise.reject(conflict(`container ${id} is not running`)),
      resize: async () => {},
    };
  }

  sweep(known: ReadonlySet<string>): Promise<void> {
    return this.#libcontainer.sweep(known);
  }

  async kill(id: string, signal: number): Promise<void> {
    if (!this.#get(id).process.signal(signal)) throw conflict(`container ${id} is not running`);
  }

  async pause(id: string): Promise<void> {
    await cgroups().freeze(this.#get(id).state.cgroup);
  }

  async resume(id: string): Promise<void> {
    cgroups().thaw(this.#get(id).state.cgroup);
  }

  async pids(id: string): Promise<number[]> {
    const { monitor, state } = this.#get(id);
    const all = cgroups().pids(state.cgroup);
    return [monitor.pid, ...all.filter((pid) => pid !== monitor.pid)];
  }

  async stats(id: string): Promise<CgroupStats> {
    return cgroups().stats(this.#get(id).state.cgroup);
  }

  async update(id: string, resources: Resources): Promise<void> {
    cgroups().set(this.#get(id).state.cgroup, resources);
  }

  async delete(id: string): Promise<void> {
    if (this.#running.has(id)) throw conflict(`container ${id} is running`);
    await this.#ending.get(id);
    await this.#libcontainer.delete(id);
  }

  resolveUser(rootfs: Rootfs, user: string, groups: readonly string[]) {
    return resolveUser(rootfs, user, groups);
  }

  #get(id: string): Container {
    const container = this.#running.get(id);
    if (!container) throw conflict(`container ${id} is not running`);
    return container;
  }

  #keep(container: Container): Process {
    const { id, cgroup } = container.state;
    this.#running.set(id, container);
    const exited = container.exited.then((end) => {
      this.#running.delete(id);
      this.#ending.set(id, container.monitor.gone);
      void container.monitor.gone.finally(() => this.#ending.delete(id));
      return exitOf(end, cgroups().oomKilled(cgroup));
    });
    return processOf(container.monitor, exited, (streams) => this.#libcontainer.attach(id, streams));
  }
}

const KILLED = 128 + 9;

const exitOf = (end: Ended | undefined, oomKilled: boolean): Exit => ({
  code: end?.code ?? KILLED,
  at: end?.at ?? BigInt(Date.now()) * 1_000_000n,
  oomKilled,
});

const processOf = (
  monitor: Monitor,
  exited: Promise<Exit>,
  attach: (streams: Streams) => Promise<Peer>,
): Process => ({
  pid: monitor.pid,
  exited,
  attached: monitor.attached,
  attach: async (streams) => attach(streams),
  resize: (height, width) => monitor.resize(height, width),
});
