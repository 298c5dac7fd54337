import { gzipSync, zstdCompressSync } from "node:zlib";
import type { ImageConfig } from "../../src/oci/image.ts";
import { type Entry, tarOf } from "./tar.ts";

export const digestOf = (content: string | Uint8Array): string =>
  `sha256:${new Bun.CryptoHasher("sha256").update(content).digest("hex")}`;

export interface FakeImage {
  readonly id: string;
  readonly config: Uint8Array;
  /** plain tars, the lowest first */
  readonly layers: readonly Uint8Array[];
  /** config and compressed layers */
  readonly blobs: readonly Uint8Array[];
  readonly manifest: object;
  readonly type: string;
}

export interface FakeImageOptions {
  readonly compression?: "none" | "gzip" | "zstd";
  readonly docker?: boolean;
  readonly config?: Partial<ImageConfig>;
}

const TYPES = {
  oci: [
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.oci.image.layer.v1.tar+gzip",
  ],
  docker: [
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.container.image.v1+json",
    "application/vnd.docker.image.rootfs.diff.tar.gzip",
  ],
} as const;

/** An image of these layers, each a list of members. */
export async function fakeImage(
  layers: readonly (readonly Entry[])[],
  { compression = "gzip", docker = false, config = {} }: FakeImageOptions = {},
): Promise<FakeImage> {
  const tars = await Promise.all(layers.map((entries) => tarOf(...entries)));
  const raw: ImageConfig = {
    architecture: process.arch === "x64" ? "amd64" : process.arch,
    os: "linux",
    created: "2024-01-01T00:00:00Z",
    config: { Cmd: ["sh"], Env: ["A=b"] },
    history: tars.map((_, index) => ({ created: "2024-01-01T00:00:00Z", created_by: `step ${index}` })),
    ...config,
    rootfs: { type: "layers", diff_ids: tars.map(digestOf) },
  };
  const bytes = Buffer.from(JSON.stringify(raw));
  const blobs = tars.map((tar) => compressed(tar, compression));
  const [manifestType, configType, layerType] = TYPES[docker ? "docker" : "oci"];
  return {
    id: digestOf(bytes),
    config: bytes,
    layers: tars,
    blobs: [bytes, ...blobs],
    type: manifestType,
    manifest: {
      schemaVersion: 2,
      mediaType: manifestType,
      config: { mediaType: configType, digest: digestOf(bytes), size: bytes.length },
      layers: blobs.map((blob) => ({ mediaType: layerType, digest: digestOf(blob), size: blob.length })),
    },
  };
}

function compressed(tar: Uint8Array, compression: "none" | "gzip" | "zstd"): Uint8Array {
  if (compression === "none") return tar;
  return compression === "gzip" ? gzipSync(tar) : zstdCompressSync(tar);
}

/** What `docker save` writes: the old form with a folder a layer, or the new one with blobs. */
export async function dockerArchive(
  image: FakeImage,
  names: readonly string[] | null,
  form: "old" | "new" = "new",
): Promise<Uint8Array> {
  const hex = (content: Uint8Array) => digestOf(content).slice(7);
  const layerName = (tar: Uint8Array) =>
    form === "old" ? `${hex(tar)}/layer.tar` : `blobs/sha256/${hex(tar)}`;
  const configName = form === "old" ? `${hex(image.config)}.json` : `blobs/sha256/${hex(image.config)}`;
  const manifest = [{ Config: configName, RepoTags: names, Layers: image.layers.map(layerName) }];
  const files = new Map<string, Uint8Array | string>(image.layers.map((tar) => [layerName(tar), tar]));
  files.set(configName, image.config);
  files.set("manifest.json", JSON.stringify(manifest));
  return await tarOf(...[...files].map(([name, content]) => ({ name, content })));
}

/** An OCI layout as one tar. */
export async function ociLayout(
  image: FakeImage,
  annotations: Record<string, string> = {},
): Promise<Uint8Array> {
  const manifest = Buffer.from(JSON.stringify(image.manifest));
  const index = {
    schemaVersion: 2,
    manifests: [{ mediaType: image.type, digest: digestOf(manifest), size: manifest.length, annotations }],
  };
  const blobs = [...image.blobs, manifest].map((blob) => ({
    name: `blobs/${digestOf(blob).replace(":", "/")}`,
    content: blob,
  }));
  return await tarOf(
    ...blobs,
    { name: "index.json", content: JSON.stringify(index) },
    { name: "oci-layout", content: '{"imageLayoutVersion": "1.0.0"}' },
  );
}
