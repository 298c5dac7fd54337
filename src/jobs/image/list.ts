import type { HistoryEntry, ImageInspect, ImageSummary } from "../../api/images.ts";
import { ZERO_TIME } from "../../base/units.ts";
import { job } from "../../engine/job.ts";
import type { Image } from "../../image/store.ts";
import type { RunConfig } from "../../oci/image.ts";
import type { Needs } from "../needs.ts";
import { imageFilter } from "./filter.ts";
import { imageNames, resolveImage } from "./resolve.ts";

export interface ListInput {
  /** Images without a name that others are built on, too. */
  readonly all?: boolean;
  readonly filters?: string;
  readonly sharedSize?: boolean;
}

type Stores = Needs<"images" | "layers" | "references">;

export const imageList = job(
  "images",
  async (m: Stores & Needs<"containers">, input: ListInput): Promise<ImageSummary[]> => {
    const keeps = imageFilter(m, input.filters);
    const users = usersOf(m);
    const shared = input.sharedSize ? sharedLayers(m) : undefined;
    return m.images
      .list()
      .filter((image) => keeps(image) && (input.all || !isIntermediate(m, image)))
      .map((image) => summaryOf(m, image, users.get(image.id) ?? 0, shared));
  },
);

export const imageInspect = job(
  "image_inspect",
  async (m: Stores, input: { name: string }): Promise<ImageInspect> => {
    const image = resolveImage(m, input.name);
    const { tags, digests } = imageNames(m, image.id);
    const { config, chainId } = image;
    return {
      Id: image.id,
      RepoTags: tags,
      RepoDigests: digests,
      Parent: image.parent ?? "",
      Comment: config.comment ?? config.history?.at(-1)?.comment ?? "",
      Created: goTime(config.created),
      DockerVersion: config.docker_version ?? "",
      Author: config.author ?? "",
      Architecture: config.architecture,
      ...(config.variant ? { Variant: config.variant } : {}),
      Os: config.os,
      Size: m.images.size(image.id),
      GraphDriver: {
        Data: chainId === undefined ? null : m.layers.graphData(chainId),
        Name: m.layers.driverName,
      },
      RootFS: { Type: "layers", Layers: [...config.rootfs.diff_ids] },
      Metadata: { LastTagTime: image.taggedAt?.toISOString() ?? ZERO_TIME },
      Config: configOf(config.config ?? {}),
    };
  },
);

export const imageHistory = job(
  "history",
  async (m: Stores, input: { name: string }): Promise<HistoryEntry[]> => {
    const image = resolveImage(m, input.name);
    const layers = image.chainId === undefined ? [] : m.layers.chain(image.chainId);
    let layer = 0;
    const entries = (image.config.history ?? []).map(
      (step): HistoryEntry => ({
        Id: "<missing>",
        Created: Math.floor(Date.parse(step.created ?? ZERO_TIME) / 1000),
        CreatedBy: step.created_by ?? "",
        Tags: null,
        Size: step.empty_layer ? 0 : (layers[layer++]?.size ?? 0),
        Comment: step.comment ?? "",
      }),
    );
    return withIds(m, image, entries.reverse());
  },
);

/** An image built here knows what it was built on: the ids of the steps, from the top as far as they are known. */
function withIds(m: Stores, image: Image, entries: HistoryEntry[]): HistoryEntry[] {
  let next: Image | undefined = image;
  for (const entry of entries) {
    if (!next) break;
    const { tags } = imageNames(m, next.id);
    entry.Id = next.id;
    entry.Tags = tags.length > 0 ? tags : null;
    next = next.parent === undefined ? undefined : m.images.find(next.parent);
  }
  return entries;
}

/** How many containers each image has. */
function usersOf(m: Needs<"containers">): Map<string, number> {
  const users = new Map<string, number>();
  for (const { image } of m.containers.list()) users.set(image, (users.get(image) ?? 0) + 1);
  return users;
}

/** In how many images each layer is. */
function sharedLayers(m: Stores): Map<string, number> {
  const count = new Map<string, number>();
  for (const { chainId } of m.images.list())
    for (const layer of chainId === undefined ? [] : m.layers.chain(chainId))
      count.set(layer.chainId, (count.get(layer.chainId) ?? 0) + 1);
  return count;
}

const isIntermediate = (m: Stores, image: Image): boolean =>
  m.images.children(image.id).length > 0 && m.references.of(image.id).length === 0;

function summaryOf(
  m: Stores,
  image: Image,
  containers: number,
  shared: ReadonlyMap<string, number> | undefined,
): ImageSummary {
  const { tags, digests } = imageNames(m, image.id);
  const layers = image.chainId === undefined ? [] : m.layers.chain(image.chainId);
  const inOthers = layers.filter((layer) => (shared?.get(layer.chainId) ?? 0) > 1);
  return {
    Id: image.id,
    ParentId: image.parent ?? "",
    RepoTags: tags,
    RepoDigests: digests,
    Created: Math.floor(image.createdAt.getTime() / 1000),
    Size: layers.reduce((sum, layer) => sum + layer.size, 0),
    SharedSize: shared ? inOthers.reduce((sum, layer) => sum + layer.size, 0) : -1,
    Labels: image.config.config?.Labels ?? null,
    Containers: containers,
  };
}

/** As Docker shows it: what is not set is there as nothing. */
const configOf = (config: RunConfig): ImageInspect["Config"] => ({
  Cmd: null,
  Entrypoint: null,
  Env: null,
  Labels: null,
  OnBuild: null,
  User: "",
  Volumes: null,
  WorkingDir: "",
  ...structuredClone(config as ImageInspect["Config"]),
});

/** RFC 3339 without needless zeros behind the seconds, as Go prints it. */
const goTime = (text: string | undefined): string =>
  (text ?? ZERO_TIME).replace(/\.?0*Z$/, (tail) => (tail.startsWith(".") ? "Z" : tail));
