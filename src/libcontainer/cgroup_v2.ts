import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { conflict, internal } from "../base/errors.ts";
import type { Resources } from "../oci/runtime.ts";
import { attachDeviceProgram } from "../sys/cgroup.ts";
import type { Cgroup, CgroupHandle, CgroupStats } from "./cgroup.ts";
import { errorCode, keyed, listed, removeTree, retry, signalAll } from "./cgroup_tree.ts";
import { applyV2 } from "./cgroup_v2_limits.ts";
import { statsV2 } from "./cgroup_v2_stats.ts";
import { deviceProgram } from "./device_program.ts";
import { devicePolicy } from "./devices.ts";

const SIGKILL = 9;

/** The unified hierarchy: cgroup-v2.rst. One directory a container. */
export class CgroupV2 implements Cgroup {
  readonly version = 2;
  readonly #root: string;
  /** Parents whose children have all controllers. */
  readonly #prepared = new Set<string>();

  constructor(root: string) {
    this.#root = root;
  }

  create(path: string, resources: Resources): CgroupHandle {
    const directory = this.#root + path;
    this.#make(path);
    try {
      applyV2(directory, resources);
      const policy = devicePolicy(resources.devices);
      if (policy && !(policy.allow && policy.exceptions.length === 0))
        attachDeviceProgram(directory, deviceProgram(policy));
    } catch (error) {
      rmdirSync(directory);
      throw error;
    }
    return this.handle(path);
  }

  handle(path: string): CgroupHandle {
    const directory = this.#root + path;
    return { procs: [`${directory}/cgroup.procs`], directory };
  }

  set(path: string, resources: Resources): void {
    applyV2(this.#root + path, resources);
  }

  async freeze(path: string): Promise<void> {
    const directory = this.#root + path;
    writeFileSync(`${directory}/cgroup.freeze`, "1");
    if (await retry(() => keyed(readFileSync(`${directory}/cgroup.events`, "utf8")).frozen === 1)) return;
    this.thaw(path);
    throw internal(`unable to freeze ${path}`);
  }

  thaw(path: string): void {
    writeFileSync(`${this.#root}${path}/cgroup.freeze`, "0");
  }

  stats(path: string): CgroupStats {
    return statsV2(this.#root + path);
  }

  pids(path: string): number[] {
    return listed(this.#root + path);
  }

  oomKilled(path: string): boolean {
    try {
      return (keyed(readFileSync(`${this.#root}${path}/memory.events`, "utf8")).oom_kill ?? 0) > 0;
    } catch (error) {
      if (errorCode(error) === "ENOENT") return false;
      throw error;
    }
  }

  /** cgroup.kill since Linux 5.14; before, and for other signals: frozen meanwhile, so that none escapes by forking. */
  async kill(path: string, signal: number): Promise<void> {
    if (signal === SIGKILL && written(`${this.#root}${path}/cgroup.kill`, "1")) return;
    await this.freeze(path);
    try {
      signalAll(this.pids(path), signal);
    } finally {
      this.thaw(path);
    }
  }

  async delete(path: string): Promise<void> {
    if (await retry(() => removeTree(this.#root + path))) return;
    throw internal(`unable to remove cgroup ${this.#root}${path}: EBUSY`);
  }

  prune(path: string): void {
    if (removeTree(this.#root + path, { empty: true })) this.#prepared.delete(path);
  }

  #make(path: string): void {
    const directory = this.#root + path;
    const parent = dirname(path);
    if (!this.#prepared.has(parent)) this.#prepare(parent);
    try {
      mkdirSync(directory);
    } catch (error) {
      if (errorCode(error) === "ENOENT") this.#prepare(parent);
      // one of the same name without processes is what a crash left; its limits are not ours
      else if (errorCode(error) !== "EEXIST" || !removeTree(directory))
        throw conflict(`cgroup ${directory} is in use`, error);
      mkdirSync(directory);
    }
  }

  /** Makes `path` and hands every controller down to its children, from the root on. */
  #prepare(path: string): void {
    if (path !== "/") {
      this.#prepare(dirname(path));
      mkdirSync(this.#root + path, { recursive: true });
    }
    const directory = path === "/" ? this.#root : this.#root + path;
    const offered = readFileSync(`${directory}/cgroup.controllers`, "utf8").split(/\s+/).filter(Boolean);
    const enabled = new Set(readFileSync(`${directory}/cgroup.subtree_control`, "utf8").split(/\s+/));
    // one by one: one that cannot be had (cpu beside realtime processes) shall not keep the others away
    for (const controller of offered)
      if (!enabled.has(controller)) written(`${directory}/cgroup.subtree_control`, `+${controller}`);
    this.#prepared.add(path);
  }
}

/** Whether the kernel took it. */
function written(file: string, value: string): boolean {
  try {
    writeFileSync(file, value, { flag: "r+" });
    return true;
  } catch {
    return false;
  }
}
