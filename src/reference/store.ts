import type { GraphDB } from "../graph/graphdb.ts";
import { fullName, parseReference, type Reference } from "./reference.ts";

/** Names of images: tags (`a:b`) and digests of their manifests (`a@sha256:…`), normalised. */
export class References {
  readonly #graph: GraphDB;

  constructor(graph: GraphDB) {
    this.#graph = graph;
  }

  /** Gives an image a name; another image that had it loses it. */
  add(name: string | Reference, imageId: string): void {
    const sql =
      "INSERT INTO names (name, image) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET image = excluded.image";
    this.#graph.transaction(() => this.#graph.run(sql, keyOf(name), imageId));
  }

  /** True when there was such a name. */
  remove(name: string | Reference): boolean {
    return (
      this.#graph.transaction(() => this.#graph.run("DELETE FROM names WHERE name = ?", keyOf(name))) > 0
    );
  }

  /** The id of the image of that name. By digest alone when it has one, whatever tag stands before it. */
  get(name: string | Reference): string | undefined {
    const sql = "SELECT image FROM names WHERE name = ?";
    return this.#graph.get<{ image: string }>(sql, keyOf(name))?.image;
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
}

/** A name with both tag and digest is kept by its digest, as Docker keeps it. */
function keyOf(name: string | Reference): string {
  const ref = typeof name === "string" ? parseReference(name) : name;
  if (ref.digest !== undefined) return fullName({ domain: ref.domain, path: ref.path, digest: ref.digest });
  return fullName({ ...ref, tag: ref.tag ?? "latest" });
}
