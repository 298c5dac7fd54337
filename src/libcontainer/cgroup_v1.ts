import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { conflict, internal } from "../base/errors.ts";
import type { Resources } from "../oci/runtime.ts";
import type { Cgroup, CgroupHandle, CgroupStats } from "./cgroup.ts";
import { errorCode, listed, removeTree, retry, signalAll } from "./cgroup_tree.ts";
import { applyV1 } from "./cgroup_v1_limits.ts";
import { statsV1 } from "./cgroup_v1_stats.ts";

/** The legacy and the hybrid layout: each controller, or group of controllers, has a hierarchy of its own. */
export class CgroupV1 implements Cgroup {
  readonly version = 1;
  /** Mount point by controller; `name=systemd` is one without. Controllers mounted together share theirs. */
  readonly #mounts: ReadonlyMap<string, string>;
  readonly #roots: readonly string[];

  constructor(root: string, mountinfo: string = readFileSync("/proc/self/mountinfo", "utf8")) {
    this.#mounts = hierarchies(mountinfo, root);
    this.#roots = [...new Set(this.#mounts.values())];
    if (!this.#mounts.has("devices")) throw internal("the devices controller of cgroup v1 is not mounted");
  }

  create(path: string, resources: Resources): CgroupHandle {
    const made: string[] = [];
    try {
      for (const root of this.#roots) {
        this.#make(root, path);
        made.push(root + path);
      }
      applyV1((controller) => this.#directory(controller, path), resources, true);
    } catch (error) {
      for (const directory of made.reverse()) rmdirSync(directory);
      throw error;
    }
    return this.handle(path);
  }

  handle(path: string): CgroupHandle {
    return { procs: this.#roots.map((root) => `${root}${path}/cgroup.procs`) };
  }

  set(path: string, resources: Resources): void {
    applyV1((controller) => this.#directory(controller, path), resources, false);
  }

  /** cgroup-v1/freezer-subsystem.rst: FREEZING may not come to its end by itself, writing again helps. */
  async freeze(path: string): Promise<void> {
    const state = `${this.#directory("freezer", path)}/freezer.state`;
    const frozen = await retry(() => {
      writeFileSync(state, "FROZEN");
      return readFileSync(state, "utf8").trim() === "FROZEN";
    });
    if (frozen) return;
    this.thaw(path);
    throw internal(`unable to freeze ${path}`);
  }

  thaw(path: string): void {
    writeFileSync(`${this.#directory("freezer", path)}/freezer.state`, "THAWED");
  }

  stats(path: string): CgroupStats {
    return statsV1((controller) => this.#directory(controller, path));
  }

  pids(path: string): number[] {
    return listed(this.#directory("devices", path)!);
  }

  /** `oom_kill` in memory.oom_control counts since Linux 4.13. */
  oomKilled(path: string): boolean {
    try {
      const text = readFileSync(`${this.#directory("memory", path)}/memory.oom_control`, "utf8");
      return Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? 0) > 0;
    } catch (error) {
      if (errorCode(error) === "ENOENT") return false;
      throw error;
    }
  }

  /** Frozen while the signals are sent, so that none escapes by forking. */
  async kill(path: string, signal: number): Promise<void> {
    await this.freeze(path);
    try {
      signalAll(this.pids(path), signal);
    } finally {
      this.thaw(path);
    }
  }

  async delete(path: string): Promise<void> {
    const left = new Set(this.#roots.map((root) => root + path));
    const gone = await retry(() => {
      for (const directory of left) if (removeTree(directory)) left.delete(directory);
      return left.size === 0;
    });
    if (!gone) throw internal(`unable to remove cgroup ${[...left].join(", ")}: EBUSY`);
  }

  prune(path: string): void {
    for (const root of this.#roots) removeTree(root + path, { empty: true });
  }

  #directory(controller: string, path: string): string | undefined {
    const root = this.#mounts.get(controller);
    return root && root + path;
  }

  #make(root: string, path: string): void {
    const directory = root + path;
    try {
      mkdirSync(directory);
    } catch (error) {
      if (errorCode(error) === "ENOENT") this.#makeParent(root, dirname(path));
      // one of the same name without processes is what a crash left; its limits are not ours
      else if (errorCode(error) !== "EEXIST" || !removeTree(directory))
        throw conflict(`cgroup ${directory} is in use`, error);
      mkdirSync(directory);
    }
    if (root === this.#mounts.get("cpuset")) inheritCpuset(directory);
  }

  #makeParent(root: string, path: string): void {
    if (path === "/") return;
    this.#makeParent(root, dirname(path));
    const directory = root + path;
    try {
      mkdirSync(directory);
    } catch (error) {
      if (errorCode(error) === "EEXIST") return;
      throw error;
    }
    if (root !== this.#mounts.get("cpuset")) return;
    inheritCpuset(directory);
    // its children then begin with its cpus and nodes: four calls fewer in each start
    writeFileSync(`${directory}/cgroup.clone_children`, "1");
  }
}

/**
 * A cpuset is born empty and takes no process until it has cpus and memory nodes; with its parent's `clone_children` it is
 * born with both (cgroup-v1/cpusets.rst).
 */
function inheritCpuset(directory: string): void {
  if (readFileSync(`${directory}/cpuset.cpus`, "utf8").trim()) return;
  for (const file of ["cpuset.cpus", "cpuset.mems"])
    writeFileSync(`${directory}/${file}`, readFileSync(`${dirname(directory)}/${file}`, "utf8"));
}

/** All that cgroup v1 has had (cgroup-v1/cgroups.rst); each that is mounted is joined, limited by us or not. */
const CONTROLLERS = new Set(
  "cpu cpuacct cpuset memory devices freezer blkio pids hugetlb net_cls net_prio perf_event rdma misc".split(
    " ",
  ),
);

/** `… /sys/fs/cgroup/cpu,cpuacct rw … - cgroup cgroup rw,cpu,cpuacct`: proc_pid_mountinfo(5). */
function hierarchies(mountinfo: string, under: string): Map<string, string> {
  const mounts = new Map<string, string>();
  for (const line of mountinfo.split("\n")) {
    const [before, after] = line.split(" - ");
    const [type, , options] = after?.split(" ") ?? [];
    const point = before?.split(" ")[4];
    if (type !== "cgroup" || !options || !point?.startsWith(`${under}/`)) continue;
    for (const option of options.split(","))
      if ((option.startsWith("name=") || CONTROLLERS.has(option)) && !mounts.has(option))
        mounts.set(option, point);
  }
  return mounts;
}
