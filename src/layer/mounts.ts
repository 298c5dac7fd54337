import { conflict, notFound, unsupported } from "../base/errors.ts";
import type { Rootfs } from "../execdriver/driver.ts";
import type { GraphDB } from "../graph/graphdb.ts";
import type { Change, GraphDriver, Mounted } from "../graphdriver/driver.ts";
import { type LayerRows, newCacheId } from "./rows.ts";
import { diskUse } from "./size.ts";

interface Mount {
  readonly id: string;
  /** chain id of the image's topmost layer; none for an image without layers */
  readonly parent: string | undefined;
  readonly cacheId: string;
}

interface Use {
  readonly mounted: Mounted;
  users: number;
  /** Resolves when the last user has gone. */
  readonly free: PromiseWithResolvers<void>;
}

/** Read-write layers, one a container, by the container's id: the half of `Layers` that starting a container needs. */
export class Mounts {
  protected readonly driver: GraphDriver;
  readonly #graph: GraphDB;
  readonly #layers: LayerRows;
  readonly #uses = new Map<string, Use>();

  constructor(graph: GraphDB, driver: GraphDriver, layers: LayerRows) {
    this.#graph = graph;
    this.driver = driver;
    this.#layers = layers;
  }

  /** Makes a container's layer on top of an image's. Throws `conflict` when it has one. On error nothing is left. */
  async createMount(id: string, parent: string | undefined, options: { size?: number } = {}): Promise<void> {
    if (options.size !== undefined)
      throw unsupported(`--storage-opt size is not supported by the storage driver ${this.driver.name}`);
    if (this.#find(id)) throw conflict(`container ${id} has a layer already`);
    const mount: Mount = { id, parent, cacheId: newCacheId() };
    const parents = this.parentsOf(mount);
    // The row first: it keeps the image's layers where they are. A power cut between is cleanUp's to mend.
    this.#graph.transaction(
      () =>
        this.#graph.run(
          "INSERT INTO mounts (id, parent, cache_id) VALUES (?, ?, ?)",
          id,
          parent ?? null,
          mount.cacheId,
        ),
      { durable: false },
    );
    try {
      const copying = this.driver.create(mount.cacheId, parents, { writable: true });
      if (copying) await copying;
    } catch (error) {
      this.#graph.run("DELETE FROM mounts WHERE id = ?", id);
      throw error;
    }
  }

  /** How the container's file system is mounted by who runs it; `volatile` for one that is removed at its end. */
  rootfs(id: string, options: { volatile?: boolean } = {}): Rootfs {
    const mount = this.mountOf(id);
    return this.driver.rootfs(mount.cacheId, this.parentsOf(mount), options);
  }

  /** Runs `body` with the container's file system mounted in the daemon's namespace; those at once share it. */
  async withMounted<T>(id: string, body: (path: string) => Promise<T>): Promise<T> {
    const use = this.#use(id);
    use.users++;
    try {
      return await body(use.mounted.path);
    } finally {
      if (--use.users === 0) {
        this.#uses.delete(id);
        use.mounted.release();
        use.free.resolve();
      }
    }
  }

  /** What the container changed in its image, sorted by path. */
  async changes(id: string): Promise<Change[]> {
    const mount = this.mountOf(id);
    return await this.driver.changes(mount.cacheId, this.parentsOf(mount));
  }

  /** Bytes on disk of what the container wrote. */
  async mountSize(id: string): Promise<number> {
    return await diskUse(this.driver.folder(this.mountOf(id).cacheId));
  }

  /** Gone when it returns, no error when it was never there; the files are deleted in the background. */
  async removeMount(id: string): Promise<void> {
    await this.#uses.get(id)?.free.promise;
    const mount = this.#find(id);
    if (!mount) return;
    this.#graph.transaction(() => this.#graph.run("DELETE FROM mounts WHERE id = ?", id), { durable: false });
    this.driver.remove(mount.cacheId);
  }

  /** Throws `not_found`. */
  protected mountOf(id: string): Mount {
    const mount = this.#find(id);
    if (!mount) throw notFound("layer of container", id);
    return mount;
  }

  /** The graph driver's names of what is below, the topmost first. */
  protected parentsOf(mount: Mount): string[] {
    return mount.parent === undefined ? [] : this.#layers.stack(mount.parent).map((row) => row.cacheId);
  }

  /** Forgets the layers of containers that are not in the graph; how many they were. */
  protected dropOrphans(): number {
    return this.#graph.transaction(() =>
      this.#graph.run("DELETE FROM mounts WHERE id NOT IN (SELECT id FROM containers)"),
    );
  }

  protected mountCacheIds(): string[] {
    return this.#graph.all<{ id: string }>("SELECT cache_id AS id FROM mounts").map((row) => row.id);
  }

  #find(id: string): Mount | undefined {
    const row = this.#graph.get<{ parent: string | null; cacheId: string }>(
      "SELECT parent, cache_id AS cacheId FROM mounts WHERE id = ?",
      id,
    );
    return row && { id, parent: row.parent ?? undefined, cacheId: row.cacheId };
  }

  #use(id: string): Use {
    const known = this.#uses.get(id);
    if (known) return known;
    const mount = this.mountOf(id);
    const mounted = this.driver.get(mount.cacheId, this.parentsOf(mount));
    const use: Use = { mounted, users: 0, free: Promise.withResolvers() };
    this.#uses.set(id, use);
    return use;
  }
}
