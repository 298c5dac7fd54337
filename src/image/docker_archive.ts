import { invalid } from "../base/errors.ts";
import type { Contents, Described } from "./contents.ts";

/** One image in `manifest.json` of `docker save`: moby image/tarexport. */
interface ManifestItem {
  readonly Config: string;
  readonly RepoTags?: readonly string[] | null;
  readonly Layers?: readonly string[] | null;
  readonly Parent?: string;
}

/** The images of a Docker archive, old (`ID/layer.tar`) and new (`blobs/sha256/…`). Throws `invalid`. */
export function dockerImages(contents: Contents): Described[] {
  const items = contents.json<ManifestItem[]>("manifest.json");
  if (!Array.isArray(items) || !items.every(isItem)) throw invalid("invalid manifest.json");
  return items.map(({ Config, RepoTags, Layers, Parent }) => ({
    config: contents.text(Config),
    layers: Layers ?? [],
    names: RepoTags ?? [],
    ...(Parent ? { parent: Parent } : {}),
  }));
}

const isItem = (item: ManifestItem): boolean =>
  typeof item?.Config === "string" && isTexts(item.RepoTags) && isTexts(item.Layers);

const isTexts = (value: unknown): boolean =>
  value === undefined ||
  value === null ||
  (Array.isArray(value) && value.every((text) => typeof text === "string"));
