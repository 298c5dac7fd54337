import { compressionOf, peeked } from "../archive/decompress.ts";
import { checksumHolds } from "../archive/header.ts";
import { type Member, members } from "../archive/members.ts";
import { cleaned } from "../archive/root.ts";
import { codeOf, invalid, messageOf } from "../base/errors.ts";
import type { Layers, Staged } from "../layer/store.ts";

/** What one member of an archive turned out to be. */
type Content =
  | { readonly kind: "text"; readonly bytes: Uint8Array }
  | { readonly kind: "layer"; readonly staged: Staged }
  | { readonly kind: "link"; readonly target: string }
  /** It looked like a layer and was none: an error only when an image asks for it. */
  | { readonly kind: "broken"; readonly error: unknown };

/** An image that an archive describes: which member is what. */
export interface Described {
  readonly config: Uint8Array;
  /** names of the members with its layers, the lowest first */
  readonly layers: readonly string[];
  /** what they must be, where the archive says it: digests of the blobs as they stand there */
  readonly digests?: readonly string[];
  /** names as the archive has them */
  readonly names: readonly string[];
  readonly parent?: string;
}

const BLOCK = 512;
/** Manifests and configs; real ones have some KB. bytes */
const MAX_TEXT = 16 << 20;
const MAX_LINKS = 8;

export interface ReadOptions {
  readonly signal?: AbortSignal;
  readonly progress?: (name: string, current: number, total: number) => void;
}

/**
 * What an archive of images has in it, read in one pass: layers are unpacked as they come, seen by nobody, since which
 * image they belong to stands behind them mostly. `using contents = …`: layers that nothing took are taken off the disk.
 */
export class Contents implements Disposable {
  readonly #layers: Layers;
  readonly #found = new Map<string, Content>();
  readonly #ready = new Map<Staged, Staged[]>();

  private constructor(layers: Layers) {
    this.#layers = layers;
  }

  static async read(
    archive: AsyncIterable<Uint8Array>,
    layers: Layers,
    options: ReadOptions,
  ): Promise<Contents> {
    const contents = new Contents(layers);
    try {
      for await (const member of members(archive)) await contents.#add(member, options);
      return contents;
    } catch (error) {
      contents[Symbol.dispose]();
      throw error;
    }
  }

  has(name: string): boolean {
    return this.#find(name) !== undefined;
  }

  /** The bytes of a manifest or config. Throws `invalid` when there is none of that name. */
  text(name: string): Uint8Array {
    const content = this.#find(name);
    if (content?.kind !== "text") throw invalid(`the archive has no ${name}`);
    return content.bytes;
  }

  /** A member that must be JSON. Throws `invalid` with its name. */
  json<T>(name: string): T {
    try {
      return JSON.parse(Buffer.from(this.text(name)).toString());
    } catch (error) {
      throw invalid(`invalid ${name}: ${messageOf(error)}`, error);
    }
  }

  /** The layer of that name. Throws `invalid` when there is none, or what was wrong with it. */
  layer(name: string): Staged {
    const content = this.#find(name);
    if (content?.kind === "broken") throw content.error;
    if (content?.kind !== "layer") throw invalid(`the archive has no layer ${name}`);
    return content.staged;
  }

  /** Gets the content of these layers ready, one for each time that a name stands there (empty layers mostly do). */
  async prepare(names: readonly string[]): Promise<void> {
    for (const name of names) {
      const staged = this.layer(name);
      const ready = this.#ready.get(staged);
      if (ready) ready.push(await this.#layers.copy(staged));
      else this.#ready.set(staged, [staged]);
    }
  }

  /** One of those that are ready; the caller commits it. */
  take(name: string): Staged {
    return this.#ready.get(this.layer(name))!.pop()!;
  }

  [Symbol.dispose](): void {
    for (const content of this.#found.values())
      if (content.kind === "layer" && !this.#ready.has(content.staged)) this.#layers.discard(content.staged);
    for (const ready of this.#ready.values()) for (const staged of ready) this.#layers.discard(staged);
  }

  #find(name: string): Content | undefined {
    let path = cleaned(name);
    for (let links = 0; path !== undefined && links <= MAX_LINKS; links++) {
      const content = this.#found.get(path);
      if (content?.kind !== "link") return content;
      path = content.target;
    }
    return undefined;
  }

  async #add({ entry, body }: Member, options: ReadOptions): Promise<void> {
    const path = cleaned(Buffer.from(entry.name, "latin1").toString());
    if (path === undefined)
      throw invalid(`archive member ${JSON.stringify(entry.name)} is outside of the archive`);
    const content = await this.#contentOf(path, entry.type, entry.link, entry.size, body, options);
    if (!content) return;
    const before = this.#found.get(path);
    if (before?.kind === "layer") this.#layers.discard(before.staged);
    this.#found.set(path, content);
  }

  async #contentOf(
    path: string,
    type: string,
    link: string,
    size: number,
    body: AsyncIterable<Uint8Array>,
    options: ReadOptions,
  ): Promise<Content | undefined> {
    if (type === "symlink" || type === "link") {
      const target = cleaned(type === "link" ? link : `${path}/../${link}`);
      return target === undefined ? undefined : { kind: "link", target };
    }
    if (type !== "file") return undefined;
    const [head, whole] = await peeked(body, BLOCK);
    if (isLayer(head)) return await this.#stage(path, size, whole, options);
    const json = head[0] === 0x7b || head[0] === 0x5b;
    return json || path === "repositories"
      ? { kind: "text", bytes: await gathered(path, size, whole) }
      : undefined;
  }

  async #stage(
    path: string,
    size: number,
    body: AsyncIterable<Uint8Array>,
    { signal, progress }: ReadOptions,
  ): Promise<Content> {
    try {
      const staged = await this.#layers.stage(body, {
        signal,
        progress: (bytes) => progress?.(path, bytes, size),
      });
      return { kind: "layer", staged };
    } catch (error) {
      if (codeOf(error) === "canceled") throw error;
      return { kind: "broken", error };
    }
  }
}

/** A tar, empty ones too, or something compressed that may be one. */
const isLayer = (head: Uint8Array): boolean =>
  compressionOf(head) !== "none" ||
  (head.length === BLOCK && (checksumHolds(head) || head.every((byte) => byte === 0)));

async function gathered(path: string, size: number, body: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  if (size > MAX_TEXT) throw invalid(`archive member ${path} has ${size} bytes, more than ${MAX_TEXT}`);
  const pieces: Uint8Array[] = [];
  for await (const piece of body) pieces.push(piece.slice());
  return Buffer.concat(pieces);
}
