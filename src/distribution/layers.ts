import { codeOf, EngineError, invalid, messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { chainIdsOf } from "../layer/digest.ts";
import type { Hold } from "../layer/hold.ts";
import type { Layers, Staged } from "../layer/store.ts";
import type { Descriptor } from "../oci/image.ts";
import type { Registry } from "../registry/client.ts";
import { blobBytes } from "./blob.ts";
import { type Asker, Slots, Transfers, type Work } from "./transfer.ts";

export type LayerStatus =
  | "Already exists"
  | "Pulling fs layer"
  | "Waiting"
  | "Downloading"
  | "Verifying Checksum"
  | "Download complete"
  | "Extracting"
  | "Pull complete"
  | `Retrying in ${number} second${"" | "s"}`;

export interface LayerEvent {
  readonly kind: "layer";
  /** of the blob */
  readonly digest: string;
  readonly status: LayerStatus;
  /** bytes, while it is counted */
  readonly current?: number;
  readonly total?: number;
}

interface LayerAsker extends Asker<LayerEvent> {
  readonly hold: Hold;
}

interface Place {
  readonly diffId: string;
  /** chain id of what is below */
  readonly parent: string | undefined;
}

/** A counter moves so often at most. milliseconds */
const STEP_MILLIS = 100;

/** How a pull goes about its downloads. */
export interface Pace {
  /** `max-concurrent-downloads`, of all pulls together */
  readonly atOnce: number;
  /** `max-download-attempts` of one blob */
  readonly attempts: number;
  /** Before the second attempt; milliseconds. */
  readonly retryDelay: number;
}

/** Brings layers, each once however many ask: downloaded and unpacked in one go, joined to those below in order. */
export class LayerPull {
  readonly #layers: Layers;
  readonly #log: Log;
  readonly #pace: Pace;
  readonly #transfers = new Transfers<LayerEvent, LayerAsker, void>();
  readonly #slots: Slots;

  constructor(layers: Layers, log: Log, pace: Pace) {
    this.#layers = layers;
    this.#log = log;
    this.#pace = pace;
    this.#slots = new Slots(pace.atOnce);
  }

  /** When it returns, the whole stack exists and `hold` has it. Stops the rest at the first that fails. */
  async pull(
    registry: Registry,
    blobs: readonly Descriptor[],
    diffIds: readonly string[],
    asker: LayerAsker,
  ): Promise<void> {
    const chain = chainIdsOf(diffIds);
    const missing = chain.findIndex((chainId) => !this.#layers.get(chainId));
    const have = missing < 0 ? chain.length : missing;
    for (const chainId of chain.slice(0, have)) asker.hold.add(chainId);
    const say = (digest: string, status: LayerStatus) => asker.progress({ kind: "layer", digest, status });
    blobs.forEach(
      (blob, index) => void say(blob.digest, index < have ? "Already exists" : "Pulling fs layer"),
    );
    const failed = new AbortController();
    const signal = AbortSignal.any([asker.signal, failed.signal]);
    const all = chain.slice(have).map(async (chainId, offset) => {
      const index = have + offset;
      const place: Place = { diffId: diffIds[index]!, parent: chain[index - 1] };
      try {
        await this.#transfers.share(chainId, { ...asker, signal }, (work) =>
          this.#bring(registry, blobs[index]!, place, work),
        );
      } catch (error) {
        failed.abort();
        throw error;
      }
    });
    const results = await Promise.allSettled(all);
    const errors = results.filter((result) => result.status === "rejected").map((result) => result.reason);
    // What failed first made the others give up: theirs is not the reason.
    if (errors.length > 0) throw errors.find((error) => codeOf(error) !== "canceled") ?? errors[0];
  }

  async #bring(
    registry: Registry,
    blob: Descriptor,
    place: Place,
    work: Work<LayerEvent, LayerAsker>,
  ): Promise<void> {
    const tell = (status: LayerStatus, current?: number) =>
      work.tell({
        kind: "layer",
        digest: blob.digest,
        status,
        ...(current === undefined ? {} : { current, total: blob.size }),
      });
    if (!this.#slots.free) tell("Waiting");
    const staged = await this.#slots.hold(() => this.#stage(registry, blob, work.signal, tell));
    try {
      if (staged.diffId !== place.diffId)
        throw invalid("layers from manifest don't match image configuration");
      if (place.parent !== undefined) await this.#transfers.ended(place.parent);
      const below = place.parent === undefined || this.#layers.get(place.parent);
      if (work.signal.aborted || !below) throw new EngineError("canceled", "the pull was canceled");
    } catch (error) {
      this.#layers.discard(staged);
      throw error;
    }
    await this.#layers.commit(staged, place.parent, {
      add: (chainId) => {
        for (const asker of work.askers) asker.hold.add(chainId);
      },
    });
    tell("Pull complete");
  }

  /** Unpacks while it downloads. What was unpacked of a blob that is not what it should be goes again, unseen. */
  async #stage(
    registry: Registry,
    blob: Descriptor,
    signal: AbortSignal,
    tell: (status: LayerStatus, current?: number) => void,
  ): Promise<Staged> {
    const bytes = blobBytes(registry, blob, {
      signal,
      log: this.#log,
      delay: this.#pace.retryDelay,
      attempts: this.#pace.attempts,
      retrying: (seconds) => tell(`Retrying in ${seconds} second${seconds === 1 ? "" : "s"}`),
    });
    const staged = await this.#layers
      .stage(
        counted(bytes, (done) => tell("Downloading", done)),
        { signal },
      )
      .catch((error) => {
        if (codeOf(error) === "invalid")
          throw invalid(`failed to register layer: ${messageOf(error)}`, error);
        throw error;
      });
    tell("Verifying Checksum");
    if (staged.digest !== blob.digest || staged.bytes !== blob.size) {
      this.#layers.discard(staged);
      throw invalid(`filesystem layer verification failed for digest ${blob.digest}`);
    }
    tell("Download complete");
    tell("Extracting", blob.size);
    return staged;
  }
}

async function* counted(
  bytes: AsyncIterable<Uint8Array>,
  tell: (done: number) => void,
): AsyncGenerator<Uint8Array> {
  let done = 0;
  let next = 0;
  for await (const piece of bytes) {
    done += piece.length;
    yield piece;
    const now = performance.now();
    if (now < next) continue;
    next = now + STEP_MILLIS;
    tell(done);
  }
}
