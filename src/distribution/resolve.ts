import { EngineError, invalid } from "../base/errors.ts";
import { chosen, HOST_PLATFORM, platformText } from "../image/platform.ts";
import { sha256 } from "../layer/digest.ts";
import {
  CONFIG_TYPES,
  type Descriptor,
  INDEX_TYPES,
  type Index,
  isDigest,
  LAYER_TYPE,
  MANIFEST_TYPES,
  type Manifest,
  type Platform,
} from "../oci/image.ts";
import type { RawManifest, Registry } from "../registry/client.ts";

/** What a reference is at a registry: the image to pull, checked as far as that goes without its blobs. */
export interface Resolved {
  readonly registry: Registry;
  /** Of what the tag names: the index where there is one. */
  readonly digest: string;
  readonly manifest: Manifest;
}

/** An index in an index: more is a loop or a joke. */
const MAX_DEPTH = 3;
const SCHEMA_1 = "application/vnd.docker.distribution.manifest.v1";

/** Follows indexes down to the manifest for a platform. Throws `not_found` when there is none for it. */
export async function resolveManifest(
  registry: Registry,
  reference: string,
  wanted: Platform | undefined,
  signal: AbortSignal,
): Promise<Resolved> {
  const first = await registry.manifest(reference, signal);
  const digest = sha256(first.bytes);
  if (isDigest(reference) && reference !== digest)
    throw invalid(`manifest verification failed for digest ${reference}`);
  const manifest = await follow(registry, first, wanted, signal, 0);
  return { registry, digest, manifest };
}

async function follow(
  registry: Registry,
  raw: RawManifest,
  wanted: Platform | undefined,
  signal: AbortSignal,
  depth: number,
): Promise<Manifest> {
  const content = parsed(raw);
  const type = content.mediaType || raw.mediaType;
  if (raw.mediaType.startsWith(SCHEMA_1))
    throw invalid(
      "Docker Image Format v1 and Docker Image manifest version 2, schema 1 support has been removed: push the image again by a newer tool",
    );
  if (!INDEX_TYPES.has(type)) return checked(content, type);
  if (depth >= MAX_DEPTH) throw invalid("the indexes of the image are nested too deep");
  if (!Array.isArray(content.manifests)) throw invalid("invalid index: it has no manifests");
  const match = chosen(content.manifests, wanted);
  if (!match)
    throw new EngineError(
      "not_found",
      `no matching manifest for ${platformText(wanted ?? HOST_PLATFORM)} in the manifest list entries`,
    );
  if (!isDigest(match.digest)) throw invalid(`invalid index: ${JSON.stringify(match.digest)} is no digest`);
  const next = await registry.manifest(match.digest, signal);
  if (sha256(next.bytes) !== match.digest)
    throw invalid(`manifest verification failed for digest ${match.digest}`);
  return await follow(registry, next, wanted, signal, depth + 1);
}

function parsed(raw: RawManifest): Partial<Manifest & Index> {
  try {
    const content: unknown = JSON.parse(Buffer.from(raw.bytes).toString());
    if (typeof content === "object" && content !== null && !Array.isArray(content)) return content;
  } catch (error) {
    throw invalid("invalid manifest: it is no JSON", error);
  }
  throw invalid("invalid manifest: it is no object");
}

function checked(content: Partial<Manifest>, type: string): Manifest {
  if (!MANIFEST_TYPES.has(type)) throw invalid(`unsupported manifest media type ${JSON.stringify(type)}`);
  const { config, layers } = content;
  if (!config || !Array.isArray(layers)) throw invalid("invalid manifest: config or layers are missing");
  for (const descriptor of [config, ...layers]) checkDescriptor(descriptor);
  if (!CONFIG_TYPES.has(config.mediaType))
    throw invalid(`this is no image but ${config.mediaType}: it cannot be pulled`);
  const other = (layers as Descriptor[]).find((layer) => !LAYER_TYPE.test(layer.mediaType));
  if (other) throw invalid(`unsupported layer media type ${JSON.stringify(other.mediaType)}`);
  return content as Manifest;
}

function checkDescriptor(descriptor: Descriptor): void {
  if (!isDigest(descriptor?.digest))
    throw invalid(`invalid manifest: ${JSON.stringify(descriptor?.digest)} is no digest`);
  if (!Number.isSafeInteger(descriptor.size) || descriptor.size < 0)
    throw invalid(`invalid manifest: ${descriptor.digest} has the size ${descriptor.size}`);
}
