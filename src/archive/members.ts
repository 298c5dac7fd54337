import { type Entry, TarReader } from "./tar.ts";

export interface Member {
  readonly entry: Entry;
  /** Its data; to be read before the next member is asked for, what is left is skipped. */
  readonly body: AsyncGenerator<Uint8Array, void>;
}

/** The members of a tar in order. Throws `invalid` when it is none, or stops in the middle. */
export async function* members(source: AsyncIterable<Uint8Array>): AsyncGenerator<Member, void> {
  const reader = new TarReader();
  let failure: { readonly error: unknown } | undefined;
  const events = (async function* () {
    try {
      for await (const chunk of source) yield* reader.push(chunk);
      reader.finish();
    } catch (error) {
      failure = { error };
      throw error;
    }
  })();
  async function* body(): AsyncGenerator<Uint8Array, void> {
    for (let next = await events.next(); !next.done; next = await events.next()) {
      if (next.value.kind === "end") return;
      if (next.value.kind === "data") yield next.value.data;
    }
  }
  try {
    for (let next = await events.next(); !next.done; next = await events.next()) {
      if (next.value.kind !== "entry") continue;
      yield { entry: next.value.entry, body: body() };
    }
    // Whoever read a body may have taken the error for one of its own.
    if (failure) throw failure.error;
  } finally {
    await events.return();
  }
}
