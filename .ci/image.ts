import { pack } from "tar-stream";

/** One entry of a layer: a file by its content, a symlink by its target, a folder by neither. */
export interface Entry {
  readonly name: string;
  readonly mode?: number;
  readonly content?: Uint8Array | string;
  readonly link?: string;
}

/** What a made image is: its name, its one layer, how it is started. */
export interface ImageRecipe {
  readonly tag: string;
  readonly entries: readonly Entry[];
  /** The `config` of the image config: Cmd, Env, Entrypoint… */
  readonly config: Readonly<Record<string, unknown>>;
}

const MADE = new Date("2024-01-01T00:00:00Z");

/** A one-layer image as a Docker archive, byte for byte the same for the same recipe. */
export async function imageArchive(recipe: ImageRecipe): Promise<Uint8Array> {
  const layer = await tar(recipe.entries);
  const diffId = sha256(layer);
  const config = JSON.stringify({
    architecture: process.arch === "arm64" ? "arm64" : "amd64",
    os: "linux",
    created: MADE.toISOString(),
    config: recipe.config,
    rootfs: { type: "layers", diff_ids: [`sha256:${diffId}`] },
    history: [{ created: MADE.toISOString(), created_by: "bunker build.ts" }],
  });
  const manifest = [
    { Config: `${sha256(config)}.json`, RepoTags: [recipe.tag], Layers: [`${diffId}/layer.tar`] },
  ];
  return tar([
    { name: `${sha256(config)}.json`, content: config },
    { name: `${diffId}/`, mode: 0o755 },
    { name: `${diffId}/layer.tar`, content: layer },
    { name: "manifest.json", content: JSON.stringify(manifest) },
  ]);
}

const sha256 = (data: Uint8Array | string): string =>
  new Bun.CryptoHasher("sha256").update(data).digest("hex");

async function tar(entries: readonly Entry[]): Promise<Uint8Array> {
  const out = pack();
  for (const { name, mode, content, link } of entries) {
    const head = { name, mtime: MADE, uid: 0, gid: 0 };
    if (link !== undefined) out.entry({ ...head, mode: 0o777, type: "symlink", linkname: link });
    else if (content === undefined) out.entry({ ...head, mode: mode ?? 0o755, type: "directory" });
    else out.entry({ ...head, mode: mode ?? 0o644 }, Buffer.from(content));
  }
  out.finalize();
  return Buffer.concat(await Array.fromAsync(out as AsyncIterable<Uint8Array>));
}
