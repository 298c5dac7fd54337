import { notFound } from "../base/errors.ts";
import type { GraphDB } from "../graph/graphdb.ts";

/** One read-only layer as the graph keeps it; `cacheId` is the graph driver's name for it. */
export interface Row {
  readonly chainId: string;
  readonly diffId: string;
  readonly parent: string | undefined;
  readonly cacheId: string;
  /** bytes */
  readonly size: number;
}

/** The table `layers`, kept in memory too: it is small, and every start of a container walks it. */
export class LayerRows {
  readonly #graph: GraphDB;
  readonly #rows = new Map<string, Row>();

  constructor(graph: GraphDB) {
    this.#graph = graph;
    const rows = graph.all<Omit<Row, "parent"> & { parent: string | null }>(
      "SELECT chain_id AS chainId, diff_id AS diffId, parent, cache_id AS cacheId, size FROM layers",
    );
    for (const row of rows) this.#rows.set(row.chainId, { ...row, parent: row.parent ?? undefined });
  }

  get(chainId: string): Row | undefined {
    return this.#rows.get(chainId);
  }

  count(): number {
    return this.#rows.size;
  }

  /** The layer and all below it, the topmost first. Throws `not_found`. */
  stack(chainId: string): Row[] {
    const stack: Row[] = [];
    for (let next: string | undefined = chainId; next !== undefined; ) {
      const row = this.#rows.get(next);
      if (!row) throw notFound("layer", next);
      stack.push(row);
      next = row.parent;
    }
    return stack;
  }

  /** Not flushed by itself: the image or container that will refer to it is. */
  insert(row: Row): void {
    this.#graph.transaction(
      () =>
        this.#graph.run(
          "INSERT INTO layers (chain_id, diff_id, parent, cache_id, size) VALUES (?, ?, ?, ?, ?)",
          row.chainId,
          row.diffId,
          row.parent ?? null,
          row.cacheId,
          row.size,
        ),
      { durable: false },
    );
    this.#rows.set(row.chainId, row);
  }

  /** Flushed: its folder goes next. */
  delete(chainId: string): void {
    this.#graph.transaction(() => this.#graph.run("DELETE FROM layers WHERE chain_id = ?", chainId));
    this.#rows.delete(chainId);
  }

  /** True while an image, a container's layer or a layer above needs it. */
  referenced(chainId: string): boolean {
    const found = this.#graph.get(
      `SELECT 1 WHERE EXISTS (SELECT 1 FROM images WHERE chain_id = ?1)
         OR EXISTS (SELECT 1 FROM mounts WHERE parent = ?1)
         OR EXISTS (SELECT 1 FROM layers WHERE parent = ?1)`,
      chainId,
    );
    return found !== undefined;
  }

  /** Topmost layers that nothing needs. */
  unreferenced(): string[] {
    return [...this.#rows.keys()].filter((chainId) => !this.referenced(chainId));
  }

  cacheIds(): string[] {
    return [...this.#rows.values()].map((row) => row.cacheId);
  }
}

/** Short, since an overlay's mount options name up to 125 of them in one page. */
export const newCacheId = (): string =>
  Buffer.from(crypto.getRandomValues(new Uint8Array(6))).toString("hex");
