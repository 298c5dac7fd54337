import { parseFilters } from "../../api/filters.ts";
import { parseTime } from "../../base/units.ts";
import type { Image } from "../../image/store.ts";
import { familiarName, familiarRepository, type Reference } from "../../reference/reference.ts";
import type { Needs } from "../needs.ts";
import { resolveImage } from "./resolve.ts";

type Stores = Needs<"images" | "references">;

const KNOWN = ["before", "dangling", "label", "label!", "reference", "since", "until"] as const;

/** Which images a `filters=` parameter keeps. Throws `invalid` on unknown keys, `not_found` for a named image. */
export function imageFilter(m: Stores, raw: string | undefined): (image: Image) => boolean {
  const filters = parseFilters(raw, KNOWN);
  if (filters.empty) return () => true;
  const created = (name: string) => resolveImage(m, name).createdAt.getTime();
  const before = Math.min(
    ...filters.get("before").map(created),
    ...filters.get("until").map((time) => Number(parseTime(time) / 1_000_000n)),
  );
  const since = Math.max(...filters.get("since").map(created));
  const dangling = filters.has("dangling") ? filters.flag("dangling", false) : undefined;
  const patterns = filters.get("reference").map(globOf);
  return (image) => {
    const names = m.references.of(image.id);
    const time = image.createdAt.getTime();
    const labels = image.config.config?.Labels;
    if (time >= before || time <= since) return false;
    if (dangling !== undefined && dangling !== (names.length === 0)) return false;
    if (!filters.labels("label", labels)) return false;
    if (filters.has("label!") && filters.labels("label!", labels)) return false;
    return patterns.length === 0 || names.some((name) => patterns.some((pattern) => matches(pattern, name)));
  };
}

/** reference.FamiliarMatch: the whole name, or the repository alone. */
const matches = (pattern: RegExp, name: Reference): boolean =>
  pattern.test(familiarName(name)) || pattern.test(familiarRepository(name));

/** Go's path.Match as a regular expression: `*` and `?` stop at a slash. */
function globOf(pattern: string): RegExp {
  const source = pattern.replace(/\[\^?(?:\\.|[^\]\\])+\]|\\.|[*?]|[^*?]/g, (part) => {
    if (part === "*") return "[^/]*";
    if (part === "?") return "[^/]";
    if (part.startsWith("[") && part.length > 1) return part;
    const plain = part.startsWith("\\") && part.length > 1 ? part.slice(1) : part;
    return plain.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
  });
  return new RegExp(`^${source}$`);
}
