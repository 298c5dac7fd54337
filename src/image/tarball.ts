import { decompressed } from "../archive/decompress.ts";
import { invalid } from "../base/errors.ts";
import { chainIdsOf } from "../layer/digest.ts";
import type { Layers } from "../layer/store.ts";
import { Contents, type Described, type ReadOptions } from "./contents.ts";
import { dockerImages } from "./docker_archive.ts";
import { ociImages } from "./oci_layout.ts";
import { type Image, type Images, parseConfig } from "./store.ts";

export interface LoadOptions extends ReadOptions {
  readonly images: Images;
  readonly layers: Layers;
  /** Runs for each image in the transaction that adds it: to give it its names. */
  readonly named: (image: Image, names: readonly string[]) => void;
}

/**
 * Loads every image of an archive (`docker save`'s, old and new, or an OCI layout; plain, gzip or zstd), all of them or
 * none. Throws `invalid` with what is wrong with it; nothing is left then.
 */
export async function loadImages(archive: AsyncIterable<Uint8Array>, options: LoadOptions): Promise<Image[]> {
  const { images, layers } = options;
  using contents = await Contents.read(decompressed(archive), layers, options);
  const described = describe(contents);
  using hold = layers.hold();
  const places = described.flatMap((image) => placesOf(image, contents));
  for (const { chainId } of places) if (layers.get(chainId)) hold.add(chainId);
  const missing = new Map(
    places.filter(({ chainId }) => !layers.get(chainId)).map((place) => [place.chainId, place]),
  );
  await contents.prepare([...missing.values()].map(({ name }) => name));
  for (const { name, parent } of missing.values()) await layers.commit(contents.take(name), parent, hold);
  return images.createAll(
    described.map(({ config, names, parent }) => ({
      raw: config,
      ...(parent !== undefined && images.find(parent) ? { parent } : {}),
      within: (image) => options.named(image, names),
    })),
  );
}

function describe(contents: Contents): Described[] {
  if (contents.has("manifest.json")) return dockerImages(contents);
  if (contents.has("index.json")) return ociImages(contents);
  if (contents.has("repositories"))
    throw invalid(
      "the archive was saved by Docker 1.9 or older, which is not supported: save it again by a newer one",
    );
  throw invalid("the archive holds no image: it has neither manifest.json nor index.json");
}

/** One layer of a stack, and the member that has its content. */
interface Place {
  readonly chainId: string;
  readonly parent: string | undefined;
  readonly name: string;
}

/** An image's stack, the lowest first. Throws `invalid` when the archive's layers are not what its config says. */
function placesOf(image: Described, contents: Contents): Place[] {
  const diffIds = parseConfig(image.config).rootfs.diff_ids;
  if (diffIds.length !== image.layers.length)
    throw invalid(
      `invalid manifest, layers length mismatch: expected ${diffIds.length}, got ${image.layers.length}`,
    );
  const chain = chainIdsOf(diffIds);
  return diffIds.map((diffId, index) => {
    const name = image.layers[index]!;
    const { diffId: found, digest } = contents.layer(name);
    if (found !== diffId)
      throw invalid(`invalid diffID for layer ${index}: expected "${diffId}", got "${found}"`);
    const said = image.digests?.[index];
    if (said !== undefined && said !== digest)
      throw invalid(`layer ${name} has the digest ${digest}, not ${said}`);
    return { chainId: chain[index]!, parent: chain[index - 1], name };
  });
}
