import { conflict } from "../../base/errors.ts";
import { shortId } from "../../base/id.ts";
import { job } from "../../engine/job.ts";
import type { Image } from "../../image/store.ts";
import {
  familiarName,
  parseReference,
  type Reference,
  repositoryOf,
  withDefaultTag,
} from "../../reference/reference.ts";
import type { Needs } from "../needs.ts";
import { resolveImage } from "./resolve.ts";
import { labelsOf } from "./tag.ts";

export interface RemoveInput {
  readonly name: string;
  readonly force?: boolean;
  /** Keeps the nameless images it was built on. */
  readonly noprune?: boolean;
}

export type Removed = { Untagged: string } | { Deleted: string };

type Stores = Needs<"images" | "references" | "containers" | "events">;

/**
 * Takes a name from an image, or deletes the image when the name was its last or its id was given; what else it may do is
 * Docker's rule (moby daemon/images/image_delete.go). Throws `conflict` in its words.
 */
export const imageRemove = job("image_delete", async (m: Stores, input: RemoveInput): Promise<Removed[]> => {
  const image = resolveImage(m, input.name);
  const removed: Removed[] = [];
  const byId = isPrefix(image.id, input.name);
  if (byId) untagById(m, image, input, removed);
  else if (!untagByName(m, image, input, removed)) return removed;
  deleteImage(m, image, removed, { force: input.force, prune: !input.noprune, quiet: !byId });
  return removed;
});

const isPrefix = (id: string, text: string): boolean =>
  id.startsWith(text) || id.slice("sha256:".length).startsWith(text);

/** True when it was the last name. */
function untagByName(m: Stores, image: Image, input: RemoveInput, removed: Removed[]): boolean {
  const user = m.containers.list().find((container) => container.image === image.id);
  if (!input.force && user && isSingle(m.references.of(image.id)))
    throw conflict(
      `conflict: unable to remove repository reference "${input.name}" (must force) - container ${shortId(user.id)} is using its referenced image ${shortId(image.id)}`,
    );
  const ref = withDefaultTag(parseReference(input.name));
  untag(m, image, ref.digest === undefined ? ref : withoutTag(ref), removed);
  if (ref.digest === undefined) untagDigests(m, image, repositoryOf(ref), removed);
  return m.references.of(image.id).length === 0;
}

/** A repository's digests go with its last tag. */
function untagDigests(m: Stores, image: Image, repository: string, removed: Removed[]): void {
  const rest = m.references.of(image.id).filter((ref) => repositoryOf(ref) === repository);
  if (rest.some((ref) => ref.digest === undefined)) return;
  for (const ref of rest) untag(m, image, ref, removed);
}

/** An id takes the names with it when they are all of one repository, and one tag at most. */
function untagById(m: Stores, image: Image, input: RemoveInput, removed: Removed[]): void {
  const names = m.references.of(image.id);
  if (!isSingle(names)) return;
  const found = obstacle(m, image, { soft: !input.force, names: false });
  if (found) throw found.error;
  for (const ref of names) untag(m, image, ref, removed);
}

function untag(m: Stores, image: Image, ref: Reference, removed: Removed[]): void {
  if (!m.references.remove(ref)) return;
  removed.push({ Untagged: familiarName(ref) });
  m.events.emit("image", "untag", image.id, { ...labelsOf(image), name: image.id });
}

const withoutTag = ({ tag: _, ...rest }: Reference): Reference => rest;

/** One tag at most, and no digest of another repository. */
function isSingle(names: readonly Reference[]): boolean {
  const tags = names.filter((ref) => ref.digest === undefined);
  if (tags.length > 1) return false;
  return new Set(names.map(repositoryOf)).size <= 1;
}

interface DeleteOptions {
  readonly force?: boolean;
  readonly prune: boolean;
  /** Something was removed already: what cannot be deleted simply stays. */
  readonly quiet: boolean;
}

function deleteImage(m: Stores, image: Image, removed: Removed[], options: DeleteOptions): void {
  const found = obstacle(m, image, { soft: !options.force, names: !options.force });
  if (found) {
    const dangling = m.references.of(image.id).length === 0 && m.images.children(image.id).length === 0;
    if (options.quiet && (!dangling || found.used)) return;
    throw found.error;
  }
  for (const ref of m.references.of(image.id)) untag(m, image, ref, removed);
  const layers = m.images.remove(image.id);
  m.events.emit("image", "delete", image.id, { ...labelsOf(image), name: image.id });
  removed.push({ Deleted: image.id }, ...layers.map((chainId) => ({ Deleted: chainId })));
  const parent = options.prune && image.parent !== undefined ? m.images.find(image.parent) : undefined;
  if (parent) deleteImage(m, parent, removed, { prune: true, quiet: true });
}

interface Obstacle {
  readonly error: Error;
  /** A container uses it. */
  readonly used: boolean;
}

/** What keeps an image from being deleted: children and running containers always, the rest unless forced. */
function obstacle(
  m: Stores,
  image: Image,
  check: { readonly soft: boolean; readonly names: boolean },
): Obstacle | undefined {
  const refuse = (why: string, hard: boolean, used: boolean): Obstacle => ({
    error: conflict(
      `conflict: unable to delete ${shortId(image.id)} (${hard ? "cannot" : "must"} be forced) - ${why}`,
    ),
    used,
  });
  if (m.images.children(image.id).length > 0) return refuse("image has dependent child images", true, false);
  const users = m.containers.list().filter((container) => container.image === image.id);
  const running = users.find((container) => container.running);
  if (running) return refuse(`image is being used by running container ${shortId(running.id)}`, true, true);
  if (check.names && m.references.of(image.id).length > 0)
    return refuse("image is referenced in multiple repositories", false, false);
  if (check.soft && users[0])
    return refuse(`image is being used by stopped container ${shortId(users[0].id)}`, false, true);
  return undefined;
}
