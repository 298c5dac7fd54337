import { invalid } from "../base/errors.ts";
import { sha256 } from "../layer/digest.ts";
import {
  type Descriptor,
  INDEX_TYPES,
  type Index,
  isDigest,
  LAYER_TYPE,
  MANIFEST_TYPES,
  type Manifest,
} from "../oci/image.ts";
import type { Contents, Described } from "./contents.ts";
import { chosen } from "./platform.ts";

/** An index in an index in an index: more is a loop or a joke. */
const MAX_DEPTH = 4;

/** The images of an OCI layout, those for this machine. image-spec image-layout.md. Throws `invalid`. */
export function ociImages(contents: Contents): Described[] {
  const index = contents.json<Index>("index.json");
  if (!Array.isArray(index?.manifests)) throw invalid("invalid index.json: it has no manifests");
  const images = index.manifests.flatMap((descriptor) => imagesOf(contents, descriptor, 0));
  if (images.length === 0) throw invalid("the archive holds no image for this platform");
  return images;
}

function imagesOf(contents: Contents, descriptor: Descriptor, depth: number): Described[] {
  if (depth > MAX_DEPTH) throw invalid("invalid OCI layout: its indexes are nested too deep");
  const name = blob(contents, descriptor);
  const content = contents.json<Partial<Manifest & Index>>(name);
  if (INDEX_TYPES.has(descriptor.mediaType) || Array.isArray(content.manifests)) {
    const match = chosen(content.manifests ?? []);
    if (!match) return [];
    const named: Descriptor = { ...match, annotations: { ...match.annotations, ...descriptor.annotations } };
    return imagesOf(contents, named, depth + 1);
  }
  if (!MANIFEST_TYPES.has(descriptor.mediaType) || !content.config || !Array.isArray(content.layers))
    return [];
  const layers: readonly Descriptor[] = content.layers;
  // Artifacts that are no images (charts, signatures) stand in layouts too.
  if (!layers.every((layer) => LAYER_TYPE.test(layer.mediaType))) return [];
  return [
    {
      config: contents.text(blob(contents, content.config)),
      layers: layers.map((layer) => blobName(layer)),
      digests: layers.map((layer) => layer.digest),
      names: namesOf(descriptor.annotations ?? {}),
    },
  ];
}

/** The member's name of a manifest or config, whose digest is what it says. */
function blob(contents: Contents, descriptor: Descriptor): string {
  const name = blobName(descriptor);
  const found = sha256(contents.text(name));
  if (found !== descriptor.digest) throw invalid(`${name} has the digest ${found}`);
  return name;
}

function blobName({ digest }: Descriptor): string {
  if (!isDigest(digest)) throw invalid(`invalid OCI layout: ${JSON.stringify(digest)} is no digest`);
  return `blobs/${digest.replace(":", "/")}`;
}

/** containerd writes the whole name; `ref.name` is a whole name or, of others, a tag without a repository. */
function namesOf(annotations: Readonly<Record<string, string>>): string[] {
  const whole = annotations["io.containerd.image.name"];
  if (whole) return [whole];
  const name = annotations["org.opencontainers.image.ref.name"] ?? "";
  return /[/:]/.test(name) ? [name] : [];
}
