import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { Unpacker } from "../archive/unpack.ts";
import { conflict } from "../base/errors.ts";
import type { Rootfs } from "../execdriver/driver.ts";
import { treeChanges } from "./changes.ts";
import type { Change, GraphDriver, Mounted } from "./driver.ts";
import { MOUNTPOINTS, makeMountpoints } from "./mountpoints.ts";
import { Trash } from "./trash.ts";

const TRASH = "trash";

/** Plain folders, each a whole copy of what is below it: needs nothing of the kernel, and much disk. */
export class Vfs implements GraphDriver {
  readonly name = "vfs";
  readonly standalone = false;
  readonly status: readonly (readonly [string, string])[] = [];
  readonly #home: string;
  readonly #trash: Trash;
  readonly #unpacker = new Unpacker();

  constructor(home: string) {
    this.#home = home;
    mkdirSync(home, { recursive: true, mode: 0o710 });
    this.#trash = new Trash(join(home, TRASH));
  }

  create(id: string, parents: readonly string[], options: { writable: boolean }): void | Promise<void> {
    const folder = this.folder(id);
    try {
      mkdirSync(folder, { mode: 0o755 });
    } catch (error) {
      throw conflict(`layer ${id} exists already`, error);
    }
    const parent = parents[0];
    if (parent !== undefined) return this.#fill(id, parent, options.writable);
    if (options.writable) makeMountpoints(folder);
  }

  async #fill(id: string, parent: string, writable: boolean): Promise<void> {
    try {
      await this.#unpacker.copy(this.folder(parent), this.folder(id));
      if (writable) makeMountpoints(this.folder(id));
    } catch (error) {
      this.remove(id);
      throw error;
    }
  }

  folder(id: string): string {
    return `${this.#home}/${id}`;
  }

  rootfs(id: string): Rootfs {
    return { kind: "path", path: this.folder(id) };
  }

  get(id: string): Mounted {
    return { path: this.folder(id), release: () => {} };
  }

  async changes(id: string, parents: readonly string[]): Promise<Change[]> {
    const parent = parents[0];
    const before = parent === undefined ? undefined : this.folder(parent);
    return await treeChanges(before, this.folder(id), MOUNTPOINTS);
  }

  data(): Record<string, string> {
    return {};
  }

  remove(id: string): void {
    this.#trash.take(this.folder(id));
  }

  async cleanUp(known: ReadonlySet<string>): Promise<void> {
    for (const id of readdirSync(this.#home)) if (id !== TRASH && !known.has(id)) this.remove(id);
    this.#trash.empty();
  }

  idle(): Promise<void> {
    return this.#trash.idle();
  }
}
