import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  rmdirSync,
  rmSync,
  statSync,
} from "node:fs";
import { join } from "node:path";
import { conflict } from "../base/errors.ts";
import type { Rootfs } from "../execdriver/driver.ts";
import { isOpaque } from "../sys/at.ts";
import { detach, detachBelow, mountOverlay } from "../sys/overlay.ts";
import { overlayChanges } from "./changes.ts";
import type { Change, GraphDriver, Mounted } from "./driver.ts";
import { makeMountpoints } from "./mountpoints.ts";
import { Trash } from "./trash.ts";

const TRASH = "trash";
/** Below the layers of every image: see mountpoints.ts. */
const INIT = "init";

/**
 * overlayfs: `<home>/<id>/diff` is what a layer added, and for a container `work` stands beside it. All folders of one
 * mount are siblings in `home`, so that a mount of 125 layers can name them shortly from there.
 * Linux, Documentation/filesystems/overlayfs.rst
 */
export class Overlay2 implements GraphDriver {
  readonly name = "overlay2";
  readonly standalone = true;
  readonly status: readonly (readonly [string, string])[];
  readonly #home: string;
  readonly #trash: Trash;

  /** `home` is made when missing; `filesystem` is what it lies on, as `docker info` names it. */
  constructor(home: string, filesystem: string) {
    this.#home = home;
    mkdirSync(home, { recursive: true, mode: 0o710 });
    this.#trash = new Trash(join(home, TRASH));
    mkdirSync(this.folder(INIT), { recursive: true, mode: 0o755 });
    makeMountpoints(this.folder(INIT));
    this.status = [
      ["Backing Filesystem", filesystem],
      ["Supports d_type", "true"],
      ["Using metacopy", "false"],
      ["Native Overlay Diff", "true"],
      ["userxattr", "false"],
    ];
  }

  create(id: string, parents: readonly string[], options: { writable: boolean }): void {
    const place = join(this.#home, id);
    try {
      mkdirSync(place, { mode: 0o710 });
    } catch (error) {
      throw conflict(`layer ${id} exists already`, error);
    }
    try {
      const diff = this.folder(id);
      mkdirSync(diff, { mode: 0o755 });
      if (options.writable) mkdirSync(join(place, "work"), { mode: 0o700 });
      // The topmost layer's root is what a container sees as its own.
      const parent = parents[0];
      if (parent !== undefined) takeAfter(diff, this.folder(parent));
    } catch (error) {
      this.remove(id);
      throw error;
    }
  }

  folder(id: string): string {
    return `${this.#home}/${id}/diff`;
  }

  rootfs(id: string, parents: readonly string[], options: { volatile?: boolean } = {}): Rootfs {
    const work = `${this.#home}/${id}/work`;
    // left by a mount that was never synced; with it the kernel mounts no second time (overlayfs.rst "Volatile mount")
    if (options.volatile) rmSync(`${work}/work/incompat`, { recursive: true, force: true });
    return {
      kind: "overlay",
      lower: this.#lower(parents),
      upper: this.folder(id),
      work,
      ...(options.volatile ? { volatile: true } : {}),
    };
  }

  get(id: string, parents: readonly string[]): Mounted {
    const path = this.#merged(id);
    mkdirSync(path, { recursive: true, mode: 0o700 });
    mountOverlay(path, this.#home, {
      lower: this.#lower(parents),
      upper: this.folder(id),
      work: `${this.#home}/${id}/work`,
    });
    return {
      path,
      release: () => {
        detach(path);
        rmdirSync(path);
      },
    };
  }

  changes(id: string, parents: readonly string[]): Promise<Change[]> {
    return overlayChanges(this.folder(id), this.#lower(parents));
  }

  data(id: string, parents: readonly string[]): Record<string, string> {
    const data: Record<string, string> = {
      MergedDir: this.#merged(id),
      UpperDir: this.folder(id),
      WorkDir: `${this.#home}/${id}/work`,
    };
    return parents.length === 0 ? data : { LowerDir: this.#lower(parents).join(":"), ...data };
  }

  remove(id: string): void {
    this.#trash.take(join(this.#home, id));
  }

  async cleanUp(known: ReadonlySet<string>): Promise<void> {
    detachBelow(this.#home);
    for (const id of readdirSync(this.#home)) {
      if (id === TRASH || id === INIT) continue;
      if (!known.has(id)) this.remove(id);
      else if (existsSync(this.#merged(id))) rmSync(this.#merged(id), { recursive: true });
    }
    this.#trash.empty();
  }

  idle(): Promise<void> {
    return this.#trash.idle();
  }

  #merged(id: string): string {
    return `${this.#home}/${id}/merged`;
  }

  /** Topmost first, down to one whose root hides the rest; the mount points that every root has at the bottom. */
  #lower(parents: readonly string[]): string[] {
    const lower: string[] = [];
    for (const parent of parents) {
      const folder = this.folder(parent);
      lower.push(folder);
      // overlayfs looks at this mark in every folder but the root.
      if (isOpaque(folder)) break;
    }
    lower.push(this.folder(INIT));
    return lower;
  }
}

/** Gives a new folder, root's and 0755, the owner and mode of another. */
export function takeAfter(folder: string, other: string): void {
  const stats = statSync(other);
  if (stats.uid !== 0 || stats.gid !== 0) chownSync(folder, stats.uid, stats.gid);
  if ((stats.mode & 0o7777) !== 0o755) chmodSync(folder, stats.mode & 0o7777);
}
