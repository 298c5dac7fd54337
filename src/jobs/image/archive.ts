import type { Progress } from "../../api/images.ts";
import { EngineError, invalid, messageOf } from "../../base/errors.ts";
import { job } from "../../engine/job.ts";
import { HOST_PLATFORM, parsePlatform } from "../../image/platform.ts";
import type { Image } from "../../image/store.ts";
import { loadImages } from "../../image/tarball.ts";
import type { ImageConfig } from "../../oci/image.ts";
import { familiarName, parseReference, withDefaultTag } from "../../reference/reference.ts";
import type { Needs } from "../needs.ts";
import { applyChanges } from "./change.ts";
import { counter, type Emit, progressOf } from "./progress.ts";
import { giveName, labelsOf, newName } from "./tag.ts";

type Stores = Needs<"images" | "layers" | "references" | "events">;

export interface LoadInput {
  /** No counters, only what was loaded. */
  readonly quiet?: boolean;
  readonly body: AsyncIterable<Uint8Array>;
}

/** Images out of an archive: all that it has, or none and the reason. */
export const imageLoad = job(
  "load",
  async (m: Stores, input: LoadInput, io): Promise<AsyncIterable<Progress>> =>
    progressOf(io.signal, async (emit, signal) => {
      const loaded: { image: Image; names: readonly string[] }[] = [];
      await loadImages(input.body, {
        images: m.images,
        layers: m.layers,
        signal,
        progress: input.quiet
          ? undefined
          : (name, current, total) => emit(counter(layerName(name), "Loading layer", current, total)),
        named: (image, names) => {
          for (const name of names) giveName(m, image, withDefaultTag(parseReference(name)));
          loaded.push({ image, names });
        },
      });
      for (const { image, names } of loaded) {
        m.events.emit("image", "load", image.id, { ...labelsOf(image), name: image.id });
        tell(emit, image, names);
      }
    }),
);

function tell(emit: Emit, image: Image, names: readonly string[]): void {
  if (names.length === 0) emit({ stream: `Loaded image ID: ${image.id}\n` });
  for (const name of names)
    emit({ stream: `Loaded image: ${familiarName(withDefaultTag(parseReference(name)))}\n` });
}

/** `ID/layer.tar` and `blobs/sha256/ID` by the short form of their id. */
const layerName = (member: string): string => (/[0-9a-f]{64}/.exec(member)?.[0] ?? member).slice(0, 12);

export interface ImportInput {
  /** `-` for the body, else a URL. */
  readonly source: string;
  readonly repo?: string;
  readonly tag?: string;
  readonly message?: string;
  /** Dockerfile instructions. */
  readonly changes?: readonly string[];
  readonly platform?: string;
  readonly body?: AsyncIterable<Uint8Array>;
}

/** A tar of a root file system as an image of one layer. */
export const imageImport = job(
  "import",
  async (m: Stores, input: ImportInput, io): Promise<AsyncIterable<Progress>> =>
    progressOf(io.signal, async (emit, signal) => {
      const ref = input.repo ? newName(input.repo, input.tag) : undefined;
      const platform = input.platform ? parsePlatform(input.platform) : HOST_PLATFORM;
      if (!platform) throw invalid(`invalid platform: ${JSON.stringify(input.platform)}`);
      const config = applyChanges({}, input.changes ?? []);
      const tar = await sourceOf(input, emit, signal);
      using hold = m.layers.hold();
      const { diffId } = await m.layers.register(tar, undefined, { hold, signal });
      const created = new Date().toISOString();
      const comment = input.message || `Imported from ${input.source}`;
      const imageConfig: ImageConfig & Record<string, unknown> = {
        ...platform,
        comment,
        config,
        created,
        history: [{ created, comment }],
        rootfs: { type: "layers", diff_ids: [diffId] },
      };
      const image = m.images.create(Buffer.from(JSON.stringify(imageConfig)), {
        within: (made) => ref && giveName(m, made, ref),
      });
      m.events.emit("image", "import", image.id, { name: ref ? familiarName(ref) : image.id });
      emit({ status: image.id });
    }),
);

async function sourceOf(
  input: ImportInput,
  emit: Emit,
  signal: AbortSignal,
): Promise<AsyncIterable<Uint8Array>> {
  if (input.source === "-") {
    if (!input.body) throw invalid("import from - needs a body");
    return input.body;
  }
  const url = /^https?:\/\//.test(input.source) ? input.source : `http://${input.source}`;
  emit({ status: `Downloading from ${url}` });
  try {
    const response = await fetch(url, { signal });
    if (response.ok && response.body) return response.body;
    throw new EngineError(
      "unavailable",
      `Got HTTP status code >= 400: ${response.status} ${response.statusText}`,
    );
  } catch (error) {
    if (error instanceof EngineError) throw error;
    throw new EngineError("unavailable", `cannot download ${url}: ${messageOf(error)}`, { cause: error });
  }
}
