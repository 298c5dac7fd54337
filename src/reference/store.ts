import { conflict } from "../base/errors.ts";
import type { GraphDB } from "../graph/graphdb.ts";
import { fullName, parseReference, type Reference } from "./reference.ts";

/** Names of images: tags (`a:b`) and digests of their manifests (`a@sha256:…`), normalised. */
export class References {
  readonly #graph: GraphDB;

  constructor(graph: GraphDB) {
    this.#graph = graph;
  }

  /** Gives an image a name; a tag that another image had moves here. Throws `conflict` for a digest that had another. */
  add(name: string | Reference, imageId: string): void {
    const key = keyOf(name);
    this.#graph.transaction(() => {
      const before = this.#image(key);
      if (before === imageId) return;
      if (before !== undefined && key.includes("@"))
        throw conflict("refusing to create a tag with a digest reference");
      this.#graph.run(
        "INSERT INTO names (name, image) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET image = excluded.image",
        key,
        imageId,
      );
    });
  }

  /** True when there was such a name. */
  remove(name: string | Reference): boolean {
    return (
      this.#graph.transaction(() => this.#graph.run("DELETE FROM names WHERE name = ?", keyOf(name))) > 0
    );
  }

  /** The id of the image of that name. By digest alone when it has one, whatever tag stands before it. */
  get(name: string | Reference): string | undefined {
    return this.#image(keyOf(name));
  }

  /** All names of an image, in order. */
  of(imageId: string): Reference[] {
    return this.#graph
      .all<{ name: string }>("SELECT name FROM names WHERE image = ? ORDER BY name", imageId)
      .map((row) => parseReference(row.name));
  }

  /** All names, in order. */
  all(): { reference: Reference; image: string }[] {
    return this.#graph
      .all<{ name: string; image: string }>("SELECT name, image FROM names ORDER BY name")
      .map((row) => ({ reference: parseReference(row.name), image: row.image }));
  }

  #image(key: string): string | undefined {
    return this.#graph.get<{ image: string }>("SELECT image FROM names WHERE name = ?", key)?.image;
  }
}

/** A name with both tag and digest is kept by its digest, as Docker keeps it. */
function keyOf(name: string | Reference): string {
  const ref = typeof name === "string" ? parseReference(name) : name;
  if (ref.digest !== undefined) return fullName({ domain: ref.domain, path: ref.path, digest: ref.digest });
  return fullName({ ...ref, tag: ref.tag ?? "latest" });
}
