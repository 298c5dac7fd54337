import { codeOf, EngineError, invalid, messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Descriptor } from "../oci/image.ts";
import type { Registry } from "../registry/client.ts";

export interface BlobOptions {
  readonly signal: AbortSignal;
  readonly log: Log;
  /** Called each second while it waits to try again. */
  readonly retrying: (seconds: number) => void;
  /** milliseconds before the second attempt, once more for each further one; Docker's 5000 */
  readonly delay: number;
  /** `max-download-attempts` */
  readonly attempts: number;
}

/**
 * The bytes of a blob, over as many connections as it takes: after a break it goes on where it stopped. Its size is
 * checked here, its digest by whoever unpacks it.
 */
export async function* blobBytes(
  registry: Registry,
  blob: Descriptor,
  options: BlobOptions,
): AsyncGenerator<Uint8Array, void> {
  let done = 0;
  for (let attempt = 1; ; attempt++) {
    const before = done;
    try {
      for await (const piece of from(registry, blob.digest, done, options.signal)) {
        done += piece.length;
        if (done > blob.size) throw invalid(`blob ${blob.digest} is longer than ${blob.size} bytes`);
        yield piece;
      }
      if (done === blob.size) return;
      throw new EngineError(
        "unavailable",
        `unexpected EOF: blob ${blob.digest} ended at ${done} of ${blob.size} bytes`,
      );
    } catch (error) {
      if (options.signal.aborted)
        throw new EngineError("canceled", "the pull was canceled", { cause: error });
      // Every byte more is a success: only attempts that got nothing are counted.
      if (done > before) attempt = 1;
      if (!worthTrying(error) || attempt >= options.attempts) throw error;
      options.log.info("a download broke and is tried again", {
        blob: blob.digest,
        at: done,
        error: messageOf(error),
      });
      await pause(attempt, options);
    }
  }
}

/** A refusal stays one; what the network or a busy registry did may pass. */
const worthTrying = (error: unknown): boolean =>
  !["invalid", "unauthorized", "forbidden", "not_found", "canceled"].includes(codeOf(error));

async function* from(
  registry: Registry,
  digest: string,
  done: number,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const { bytes, offset } = await registry.blob(digest, done, signal);
  let skip = done - offset;
  if (skip < 0) throw invalid(`the registry sent ${digest} from byte ${offset}, not ${done}`);
  for await (const piece of bytes) {
    if (skip >= piece.length) skip -= piece.length;
    else {
      yield skip > 0 ? piece.subarray(skip) : piece;
      skip = 0;
    }
  }
}

async function pause(attempt: number, { delay, retrying, signal }: BlobOptions): Promise<void> {
  const whole = delay * attempt;
  for (let left = whole; left > 0; left -= 1000) {
    retrying(Math.ceil(left / 1000));
    await Bun.sleep(Math.min(left, 1000));
    if (signal.aborted) throw new EngineError("canceled", "the pull was canceled");
  }
}
