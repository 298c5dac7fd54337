import { expect } from "bun:test";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { newId } from "../src/base/id.ts";
import { Log } from "../src/base/log.ts";
import {
  DEFAULT_CAPABILITIES,
  DEFAULT_MOUNTS,
  MASKED_PATHS,
  READONLY_PATHS,
} from "../src/container/profile.ts";
import { defaultProfile } from "../src/container/seccomp_profile.ts";
import type { Rootfs, Stdio } from "../src/execdriver/driver.ts";
import { NativeDriver } from "../src/execdriver/native.ts";
import { cgroups } from "../src/libcontainer/cgroup.ts";
import type { Mount, NamespaceType, Process, Resources, Spec } from "../src/oci/runtime.ts";
import { census, settled } from "./census.ts";
import { type Bench, outputOf, QUIET } from "./contract/execdriver.ts";

const APPLETS =
  "sh cat echo sleep id env ls mount pwd hostname stat readlink stty tty yes head true false touch mkdir ps kill wc printf dd grep tail";
const ALL: readonly NamespaceType[] = ["mount", "network", "uts", "pid", "ipc"];
const CAPABILITIES = [...DEFAULT_CAPABILITIES];
/** Attached to what is printed. */
export const READ: Stdio = { ...QUIET, attach: [{ stdin: false, stdout: true, stderr: true }] };

/** What a test's container differs in from Docker's defaults. */
export interface Wishes extends Partial<Process> {
  readonly namespaces?: readonly NamespaceType[];
  readonly resources?: Resources;
  readonly mounts?: readonly Mount[];
  readonly readonly?: boolean;
  readonly sysctl?: Record<string, string>;
}

/** The native driver by itself, with a busybox tree as the lowest layer, a state root and a cgroup parent of its own. */
export class NativeBench implements Bench {
  readonly folder = mkdtempSync(join(tmpdir(), "bk-native-"));
  readonly root = join(this.folder, "run");
  readonly log = new Log("fatal");
  readonly driver = new NativeDriver({ root: this.root, owner: "test", log: this.log });
  readonly #parent = `/${basename(this.folder)}`;
  readonly #scope = { marks: [this.folder, this.#parent] };
  readonly #before = census(this.#scope);

  constructor() {
    if (process.getuid?.() !== 0) throw new Error("kernel tests need root");
    const busybox = Bun.which("busybox");
    if (!busybox) throw new Error("busybox is missing: apt-get install busybox-static");
    const base = join(this.folder, "base");
    for (const name of ["bin", "etc", "root", "tmp"]) mkdirSync(join(base, name), { recursive: true });
    cpSync(busybox, join(base, "bin/busybox"));
    for (const name of APPLETS.split(" ")) symlinkSync("busybox", join(base, "bin", name));
    writeFileSync(
      join(base, "etc/passwd"),
      "root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n",
    );
    writeFileSync(join(base, "etc/group"), "root:x:0:\nwheel:x:10:root,alice\nalice:x:1000:\n");
  }

  readonly spec = (id: string, args: readonly string[], wishes: Wishes = {}): Spec => {
    const {
      mounts = [],
      readonly = false,
      sysctl = {},
      resources = {},
      namespaces = ALL,
      ...changes
    } = wishes;
    return {
      ociVersion: "1.2.0",
      root: { path: "rootfs", readonly },
      hostname: "inside",
      process: {
        user: { uid: 0, gid: 0, additionalGids: [0] },
        args: [...args],
        env: ["PATH=/bin", "HOME=/root"],
        cwd: "/",
        capabilities: { bounding: CAPABILITIES, effective: CAPABILITIES, permitted: CAPABILITIES },
        ...changes,
      },
      mounts: [...DEFAULT_MOUNTS, ...mounts],
      linux: {
        namespaces: namespaces.map((type) => ({ type })),
        cgroupsPath: `${this.#parent}/${id}`,
        resources,
        seccomp: defaultProfile({ capabilities: CAPABILITIES, kernel: [6, 0] }),
        maskedPaths: [...MASKED_PATHS],
        readonlyPaths: [...READONLY_PATHS],
        sysctl,
      },
    };
  };

  readonly rootfs = (id: string): Rootfs => {
    const upper = join(this.folder, "layers", id, "upper");
    const work = join(this.folder, "layers", id, "work");
    for (const path of [upper, work]) mkdirSync(path, { recursive: true });
    return { kind: "overlay", lower: [join(this.folder, "base")], upper, work };
  };

  /** Runs a shell line to its end. */
  readonly shell = async (line: string, wishes: Wishes = {}) => {
    const id = newId();
    const spec = this.spec(id, ["sh", "-c", line], wishes);
    const started = await this.driver.run({ id, spec, rootfs: this.rootfs(id), stdio: READ });
    const output = await outputOf(started.attached[0]!);
    const { code } = await started.exited;
    await this.driver.delete(id);
    return { ...output, code };
  };

  /** Takes all away, and looks whether anything of it is left on the host. */
  async close(): Promise<void> {
    cgroups().prune(this.#parent);
    rmSync(this.folder, { recursive: true, force: true });
    expect(await settled(this.#before, this.#scope)).toEqual([]);
  }
}
