import { notFound } from "../../base/errors.ts";
import type { Image } from "../../image/store.ts";
import {
  familiarName,
  familiarRepository,
  parseReference,
  type Reference,
  withDefaultTag,
} from "../../reference/reference.ts";
import type { Needs } from "../needs.ts";

type Stores = Needs<"images" | "references">;

/**
 * The image that a person means: `sha256:…`, a name (default tag `latest`), or the beginning of an id, in this order.
 * The image that is part of the executable is added when its name is asked for and free. Throws `not_found`.
 */
export function resolveImage(m: Stores, nameOrId: string): Image {
  const image = findImage(m, nameOrId);
  if (!image) throw noSuchImage(nameOrId);
  return image;
}

/** The same, undefined when there is none. Throws `invalid` on what can be no name. */
export function findImage(m: Stores, nameOrId: string): Image | undefined {
  if (/^sha256:[0-9a-f]{64}$/.test(nameOrId) || /^[0-9a-f]{64}$/.test(nameOrId))
    return m.images.find(nameOrId);
  if (nameOrId.startsWith("sha256:")) return m.images.find(nameOrId);
  const ref = withDefaultTag(parseReference(nameOrId));
  const id = m.references.get(ref);
  if (id !== undefined) return m.images.get(id);
  return m.images.find(nameOrId) ?? builtin(m, ref);
}

/** `No such image: busybox:latest` */
export function noSuchImage(nameOrId: string) {
  try {
    return notFound("image", familiarName(withDefaultTag(parseReference(nameOrId))));
  } catch {
    return notFound("image", nameOrId);
  }
}

/** The names of an image as people write them. */
export function imageNames(m: Needs<"references">, id: string): { tags: string[]; digests: string[] } {
  const references = m.references.of(id);
  return {
    tags: references.filter((ref) => ref.digest === undefined).map(familiarName),
    digests: references
      .filter((ref) => ref.digest !== undefined)
      .map((ref) => `${familiarRepository(ref)}@${ref.digest}`),
  };
}

/** `hello` needs no registry and no network. */
function builtin(m: Stores, ref: Reference): Image | undefined {
  if (familiarName(ref) !== "hello:latest") return undefined;
  return m.images.builtin((image) => m.references.add(ref, image.id));
}
