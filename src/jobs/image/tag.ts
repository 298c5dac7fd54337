import { invalid } from "../../base/errors.ts";
import { job } from "../../engine/job.ts";
import type { Image } from "../../image/store.ts";
import {
  checkTag,
  familiarName,
  parseReference,
  type Reference,
  withDefaultTag,
} from "../../reference/reference.ts";
import type { Needs } from "../needs.ts";
import { resolveImage } from "./resolve.ts";

export interface TagInput {
  readonly name: string;
  readonly repo?: string;
  readonly tag?: string;
}

/** One more name for an image; another image that had it loses it. */
export const imageTag = job(
  "tag",
  async (m: Needs<"images" | "references" | "events">, input: TagInput): Promise<void> => {
    const image = resolveImage(m, input.name);
    const ref = newName(input.repo ?? "", input.tag);
    giveName(m, image, ref);
    m.events.emit("image", "tag", image.id, { ...labelsOf(image), name: familiarName(ref) });
  },
);

/** A repository and a tag as a name that an image can be given. Throws `invalid`. */
export function newName(repository: string, tag: string | undefined): Reference {
  const ref = parseReference(repository);
  if (ref.digest !== undefined) throw invalid("refusing to create a tag with a digest reference");
  return withDefaultTag(tag ? { ...ref, tag: checkTag(tag) } : ref);
}

/** The image has the name from now on, and knows when it got it. */
export function giveName(m: Needs<"images" | "references">, image: Image, ref: Reference): void {
  if (m.references.get(ref) === image.id) return;
  m.references.add(ref, image.id);
  m.images.tagged(image.id);
}

/** An image's labels go with each of its events. */
export const labelsOf = (image: Image): Readonly<Record<string, string>> => image.config.config?.Labels ?? {};
