import { conflict, invalid, messageOf, notFound } from "../base/errors.ts";
import { byPrefix } from "../base/id.ts";
import type { GraphDB } from "../graph/graphdb.ts";
import { chainIdsOf, sha256 } from "../layer/digest.ts";
import type { Layers } from "../layer/store.ts";
import { type ImageConfig, isDigest } from "../oci/image.ts";
import { putBuiltin } from "./builtin.ts";

export interface Image {
  /** `sha256:…`, the digest of `raw` */
  readonly id: string;
  readonly config: ImageConfig;
  /** The config to the byte: fields that we do not know are kept. */
  readonly raw: Uint8Array;
  /** Of its topmost layer; none for an image without layers. */
  readonly chainId?: string;
  /** The image it was built from. */
  readonly parent?: string;
  readonly createdAt: Date;
  /** When it last got a name. */
  readonly taggedAt?: Date;
}

interface Row {
  readonly id: string;
  readonly config: Uint8Array;
  readonly chainId: string | null;
  readonly parent: string | null;
  readonly created: number;
  readonly tagged: number | null;
}

export interface CreateOptions {
  readonly parent?: string;
  /** Runs in the same transaction: the image and its name appear together, or neither. */
  readonly within?: (image: Image) => void;
}

const COLUMNS = "id, config, chain_id AS chainId, parent, created, tagged";

/** Images by the digest of their config. Their layers must exist, held by the caller until the image does. */
export class Images {
  readonly #graph: GraphDB;
  readonly #layers: Layers;
  /** Parsed configs: an image is read at every start of a container. */
  readonly #known = new Map<string, Image>();

  readonly #builtin: (() => Uint8Array) | undefined;

  /** `builtin`: the image that is part of the executable, as a Docker archive. */
  constructor(graph: GraphDB, layers: Layers, builtin?: () => Uint8Array) {
    this.#graph = graph;
    this.#layers = layers;
    this.#builtin = builtin;
    for (const row of graph.all<Row>(`SELECT ${COLUMNS} FROM images`)) this.#known.set(row.id, imageOf(row));
  }

  /**
   * Adds an image, or finds it when it exists. Throws `invalid` on what is no config of an image, `conflict` when a
   * layer is missing. On disk when it returns.
   */
  create(raw: Uint8Array, options: CreateOptions = {}): Image {
    const id = sha256(raw);
    const config = parseConfig(raw);
    const chainId = chainIdsOf(config.rootfs.diff_ids).at(-1);
    if (chainId !== undefined && !this.#layers.get(chainId))
      throw conflict(`image ${id} needs the layer ${chainId}, which does not exist`);
    const known = this.#known.get(id);
    try {
      return this.#graph.transaction(() => {
        const image = known ?? this.#insert(id, raw, chainId, config, options.parent);
        this.#known.set(id, image);
        options.within?.(image);
        return this.#known.get(id)!;
      });
    } catch (error) {
      if (!known) this.#known.delete(id);
      throw error;
    }
  }

  /** Adds several images: all of them or none. */
  createAll(images: readonly (CreateOptions & { raw: Uint8Array })[]): Image[] {
    const before = new Set(this.#known.keys());
    try {
      return this.#graph.transaction(() => images.map(({ raw, ...options }) => this.create(raw, options)));
    } catch (error) {
      for (const id of [...this.#known.keys()]) if (!before.has(id)) this.#known.delete(id);
      throw error;
    }
  }

  /** Adds the image that is part of the executable; undefined when it has none. */
  builtin(within: (image: Image) => void): Image | undefined {
    if (!this.#builtin) return undefined;
    return this.create(putBuiltin(this.#builtin(), this.#layers), { within });
  }

  /** Throws `not_found`. */
  get(id: string): Image {
    const image = this.#known.get(id);
    if (!image) throw notFound("image", id);
    return image;
  }

  /** All, the newest first. */
  list(): Image[] {
    return [...this.#known.values()].sort((a, b) => b.createdAt.getTime() - a.createdAt.getTime());
  }

  count(): number {
    return this.#known.size;
  }

  /** By id or a unique prefix of it, with or without `sha256:`. Throws `invalid` when two begin so. */
  find(idOrPrefix: string): Image | undefined {
    const hex = idOrPrefix.replace(/^sha256:/, "");
    if (!/^[0-9a-f]{1,64}$/.test(hex)) return undefined;
    const id = byPrefix(this.#known.keys(), `sha256:${hex}`);
    return id === undefined ? undefined : this.#known.get(id);
  }

  /** Images built from this one. */
  children(id: string): string[] {
    return [...this.#known.values()].filter((image) => image.parent === id).map((image) => image.id);
  }

  /** Bytes of all its layers. */
  size(id: string): number {
    const { chainId } = this.get(id);
    if (chainId === undefined) return 0;
    return this.#layers.chain(chainId).reduce((sum, layer) => sum + layer.size, 0);
  }

  /** Notes that it got a name now. */
  tagged(id: string, at: Date = new Date()): void {
    const image = this.get(id);
    this.#graph.run("UPDATE images SET tagged = ? WHERE id = ?", at.getTime(), id);
    this.#known.set(id, { ...image, taggedAt: at });
  }

  /** Removes an image that has no name, and the layers that only it had: their chain ids. Throws `not_found`. */
  remove(id: string): string[] {
    const image = this.get(id);
    this.#graph.transaction(() => this.#graph.run("DELETE FROM images WHERE id = ?", id));
    this.#known.delete(id);
    for (const child of this.children(id)) {
      const { parent: _, ...rest } = this.get(child);
      this.#known.set(child, rest);
    }
    return image.chainId === undefined ? [] : this.#layers.release(image.chainId);
  }

  #insert(
    id: string,
    raw: Uint8Array,
    chainId: string | undefined,
    config: ImageConfig,
    parent: string | undefined,
  ): Image {
    const row: Row = {
      id,
      config: raw,
      chainId: chainId ?? null,
      parent: parent ?? null,
      created: createdAt(config).getTime(),
      tagged: null,
    };
    this.#graph.run(
      "INSERT INTO images (id, config, chain_id, parent, created) VALUES (?, ?, ?, ?, ?)",
      row.id,
      row.config,
      row.chainId,
      row.parent,
      row.created,
    );
    return imageOf(row);
  }
}

const imageOf = (row: Row): Image => ({
  id: row.id,
  config: parseConfig(row.config),
  raw: row.config,
  createdAt: new Date(row.created),
  ...(row.chainId === null ? {} : { chainId: row.chainId }),
  ...(row.parent === null ? {} : { parent: row.parent }),
  ...(row.tagged === null ? {} : { taggedAt: new Date(row.tagged) }),
});

const createdAt = (config: ImageConfig): Date => {
  const millis = Date.parse(config.created ?? "");
  return new Date(Number.isNaN(millis) ? 0 : millis);
};

/** A config as far as it must be right to be used: `rootfs` names its layers. Throws `invalid`. */
export function parseConfig(raw: Uint8Array): ImageConfig {
  let config: ImageConfig;
  try {
    config = JSON.parse(Buffer.from(raw.buffer, raw.byteOffset, raw.byteLength).toString());
  } catch (error) {
    throw invalid(`invalid image config: ${messageOf(error)}`, error);
  }
  if (typeof config !== "object" || config === null) throw invalid("invalid image config: it is no object");
  const diffIds: unknown = config.rootfs?.diff_ids ?? (config.rootfs ? [] : undefined);
  if (!Array.isArray(diffIds)) throw invalid("invalid image JSON, no RootFS key");
  const bad = diffIds.find((diffId) => !isDigest(diffId));
  if (bad !== undefined) throw invalid(`invalid image config: ${JSON.stringify(bad)} is no diff id`);
  return { ...config, rootfs: { type: "layers", diff_ids: diffIds } };
}
