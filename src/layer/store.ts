import { mkdirSync, readdirSync, rmSync } from "node:fs";
import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { Applier } from "../archive/apply.ts";
import { Unpacker, type UnpackOptions } from "../archive/unpack.ts";
import { internal, invalid } from "../base/errors.ts";
import { Lock } from "../base/lock.ts";
import type { Log } from "../base/log.ts";
import type { GraphDB } from "../graph/graphdb.ts";
import type { GraphDriver } from "../graphdriver/driver.ts";
import { takeAfter } from "../graphdriver/overlay2.ts";
import { chainIdOf, sha256 } from "./digest.ts";
import { Hold } from "./hold.ts";
import { Mounts } from "./mounts.ts";
import { LayerRows, newCacheId, type Row } from "./rows.ts";

/** One read-only layer on top of its parents. */
export interface Layer {
  readonly chainId: string;
  readonly diffId: string;
  readonly parent?: string;
  /** bytes of its files */
  readonly size: number;
}

/** A layer's content that is on disk and that nobody sees yet: to be committed or discarded. */
export interface Staged {
  readonly id: string;
  readonly diffId: string;
  /** sha256 of the bytes as they came, and how many they were */
  readonly digest: string;
  readonly bytes: number;
  readonly size: number;
  /** The tar said how the root is. */
  readonly root: boolean;
}

/** Docker's own bound: an overlay of many more is slow, and the kernel stops at 500. */
const MAX_DEPTH = 125;

/**
 * Layers by chain id, and containers' layers by the container's. The only caller of a graph driver. A layer lives as long
 * as an image, a container, a layer above or a `Hold` refers to it. Rows and folders agree after `cleanUp`.
 */
export class Layers extends Mounts {
  readonly #rows: LayerRows;
  readonly #unpacker = new Unpacker();
  readonly #spool: string;
  readonly #lock = new Lock();
  readonly #held = new Map<string, number>();
  readonly #log: Log;

  constructor(graph: GraphDB, driver: GraphDriver, root: string, log: Log) {
    const rows = new LayerRows(graph);
    super(graph, driver, rows);
    this.#rows = rows;
    this.#spool = join(root, "tmp");
    this.#log = log;
    mkdirSync(this.#spool, { recursive: true, mode: 0o700 });
  }

  get driverName(): string {
    return this.driver.name;
  }

  /** The rows of `docker info` below the driver's name. */
  status(): [string, string][] {
    return this.driver.status.map(([name, value]) => [name, value]);
  }

  get(chainId: string): Layer | undefined {
    const row = this.#rows.get(chainId);
    return row && layerOf(row);
  }

  /** The layers of a stack, the lowest first. Throws `not_found`. */
  chain(chainId: string): Layer[] {
    return this.#rows.stack(chainId).map(layerOf).reverse();
  }

  /** A hand on layers that are being made into an image: nobody deletes them until it is let go. */
  hold(): Hold {
    return new Hold(this.#held, (chainId) => this.release(chainId));
  }

  /**
   * Unpacks a tar (plain, gzip or zstd by its first bytes) and makes it the layer on top of `parent`. Throws `invalid`
   * when it is not the diff id that was expected; then, and on any error, nothing is left of it.
   */
  async register(
    tar: AsyncIterable<Uint8Array>,
    parent: string | undefined,
    options: UnpackOptions & { expect?: string; hold?: Hold } = {},
  ): Promise<Layer> {
    const staged = await this.stage(tar, options);
    if (options.expect !== undefined && staged.diffId !== options.expect) {
      this.discard(staged);
      throw invalid(`invalid diffID for layer: expected "${options.expect}", got "${staged.diffId}"`);
    }
    return await this.commit(staged, parent, options.hold);
  }

  /** Brings a tar to disk, seen by nobody. On error nothing is left of it. */
  async stage(tar: AsyncIterable<Uint8Array>, options: UnpackOptions = {}): Promise<Staged> {
    const id = newCacheId();
    try {
      if (!this.driver.standalone)
        return { id, ...(await this.#unpacker.unpack(tar, { kind: "file", path: this.#file(id) }, options)) };
      await this.driver.create(id, [], { writable: false });
      const to = { kind: "folder", root: this.driver.folder(id), whiteouts: "overlay" } as const;
      return { id, ...(await this.#unpacker.unpack(tar, to, options)) };
    } catch (error) {
      this.discard({ id });
      throw error;
    }
  }

  /** Makes staged content the layer on top of `parent`; when that layer exists already, the content is discarded. */
  async commit(staged: Staged, parent: string | undefined, hold?: Pick<Hold, "add">): Promise<Layer> {
    const chainId = chainIdOf(parent, staged.diffId);
    return await this.#lock.hold(chainId, async () => {
      const existing = this.#rows.get(chainId);
      if (existing) {
        hold?.add(chainId);
        this.discard(staged);
        return layerOf(existing);
      }
      try {
        const below = parent === undefined ? [] : this.#rows.stack(parent);
        if (below.length >= MAX_DEPTH) throw invalid("max depth exceeded");
        const size = await this.#fill(staged, below);
        return this.#insert(staged, parent, size, hold);
      } catch (error) {
        this.discard(staged);
        throw error;
      }
    });
  }

  /** The same content once more, for a stack that has it at two places (empty layers mostly). */
  async copy(staged: Staged): Promise<Staged> {
    const id = newCacheId();
    try {
      if (this.driver.standalone) {
        await this.driver.create(id, [], { writable: false });
        await this.#unpacker.copy(this.driver.folder(staged.id), this.driver.folder(id));
      } else await copyFile(this.#file(staged.id), this.#file(id));
      return { ...staged, id };
    } catch (error) {
      this.discard({ id });
      throw error;
    }
  }

  /** Takes staged content off the disk. */
  discard(staged: Pick<Staged, "id">): void {
    this.driver.remove(staged.id);
    rmSync(this.#file(staged.id), { force: true });
  }

  /** For the small tar of an image that is part of the executable: done when it returns. */
  registerNow(tar: Uint8Array): Layer {
    const diffId = sha256(tar);
    const existing = this.#rows.get(diffId);
    if (existing) return layerOf(existing);
    const id = newCacheId();
    const made = this.driver.create(id, [], { writable: false });
    if (made) throw internal("a driver that needs time to make an empty folder");
    try {
      const whiteouts = this.driver.standalone ? "overlay" : "remove";
      const applied = Applier.applyAll(this.driver.folder(id), whiteouts, [tar]);
      return this.#insert({ id, diffId }, undefined, applied.size);
    } catch (error) {
      this.discard({ id });
      throw error;
    }
  }

  /** Deletes a layer, and those below it, as far as nothing refers to them; which ones went. */
  release(chainId: string): string[] {
    const gone: string[] = [];
    for (let next: string | undefined = chainId; next !== undefined; ) {
      const row = this.#rows.get(next);
      if (!row || this.#held.has(next) || this.#rows.referenced(next)) break;
      this.#rows.delete(next);
      this.driver.remove(row.cacheId);
      gone.push(next);
      next = row.parent;
    }
    return gone;
  }

  /** `GraphDriver.Data` of inspect: of a container's layer, or of an image's topmost. */
  graphData(id: string): Record<string, string> {
    const row = this.#rows.get(id);
    if (row) return this.driver.data(row.cacheId, row.parent === undefined ? [] : this.#cacheIds(row.parent));
    const mount = this.mountOf(id);
    return this.driver.data(mount.cacheId, this.parentsOf(mount));
  }

  /** After a crash: what nothing refers to goes, half-made layers and containers' layers without a container too. */
  async cleanUp(): Promise<void> {
    const mounts = this.dropOrphans();
    const before = this.#rows.count();
    for (const chainId of this.#rows.unreferenced()) this.release(chainId);
    const gone = before - this.#rows.count();
    if (mounts + gone > 0) this.#log.info("removed what nothing refers to", { layers: gone, mounts });
    for (const name of readdirSync(this.#spool)) rmSync(join(this.#spool, name), { recursive: true });
    await this.driver.cleanUp(new Set([...this.#rows.cacheIds(), ...this.mountCacheIds()]));
  }

  /** Resolves when all deleted files are off the disk. */
  async idle(): Promise<void> {
    this.#unpacker.close();
    await this.driver.idle();
  }

  /** A folder on the same disk for what is on its way; emptied at start. */
  get spoolFolder(): string {
    return this.#spool;
  }

  #file(id: string): string {
    return join(this.#spool, id);
  }

  #cacheIds(chainId: string): string[] {
    return this.#rows.stack(chainId).map((row) => row.cacheId);
  }

  /** Brings the content to where it will stay; its size in bytes. */
  async #fill(staged: Staged, below: readonly Row[]): Promise<number> {
    const parents = below.map((row) => row.cacheId);
    if (this.driver.standalone) {
      if (!staged.root && parents[0] !== undefined)
        takeAfter(this.driver.folder(staged.id), this.driver.folder(parents[0]));
      return staged.size;
    }
    await this.driver.create(staged.id, parents, { writable: false });
    const to = { kind: "folder", root: this.driver.folder(staged.id), whiteouts: "remove" } as const;
    const done = await this.#unpacker.unpack(Bun.file(this.#file(staged.id)).stream(), to);
    rmSync(this.#file(staged.id));
    return done.size;
  }

  #insert(
    staged: Pick<Staged, "id" | "diffId">,
    parent: string | undefined,
    size: number,
    hold?: Pick<Hold, "add">,
  ): Layer {
    const row: Row = {
      chainId: chainIdOf(parent, staged.diffId),
      diffId: staged.diffId,
      parent,
      cacheId: staged.id,
      size,
    };
    this.#rows.insert(row);
    hold?.add(row.chainId);
    return layerOf(row);
  }
}

const layerOf = ({ chainId, diffId, parent, size }: Row): Layer => ({
  chainId,
  diffId,
  size,
  ...(parent === undefined ? {} : { parent }),
});
