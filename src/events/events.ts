import type { EventMessage } from "../api/system.ts";
import { EngineError, messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { nowNanos } from "../base/units.ts";
import type { GraphDB } from "../graph/graphdb.ts";

/** So many past events can be asked for again, over a restart of the daemon too. Docker's own figure. */
const KEPT = 256;
/** A subscriber that is further behind than this is cut off: the memory of a reader that never reads is bounded. */
const MOST_WAITING = 4096;
/** Events are written in batches; none is worth a disk sync. milliseconds */
const FLUSH_MS = 100;

export interface Subscription {
  /** Nanoseconds since 1970. With one of the two, past events are told first. */
  readonly since?: bigint;
  /** Ends the stream at that time. */
  readonly until?: bigint;
  readonly signal: AbortSignal;
  readonly match?: (message: EventMessage) => boolean;
}

/** What happened: told to who listens, and kept for who asks later. */
export class Events {
  readonly #graph?: GraphDB;
  readonly #log?: Log;
  readonly #past: EventMessage[] = [];
  readonly #listeners = new Set<(message: EventMessage) => void>();
  #unsaved: EventMessage[] = [];
  #timer?: ReturnType<typeof setTimeout>;
  #last = 0n;

  /** Without a graph nothing outlives the process. */
  constructor(graph?: GraphDB, log?: Log) {
    this.#graph = graph;
    this.#log = log;
    this.#load();
  }

  /** How many listen now (`info` tells). */
  get subscribers(): number {
    return this.#listeners.size;
  }

  /** Tells one event. Two never have the same time. Does not throw and does not wait. */
  emit(type: string, action: string, id: string, attributes: Readonly<Record<string, string>> = {}): void {
    const now = nowNanos();
    this.#last = now > this.#last ? now : this.#last + 1n;
    const message = eventOf(type, action, id, attributes, this.#last);
    this.#past.push(message);
    if (this.#past.length > KEPT) this.#past.shift();
    for (const listener of this.#listeners) listener(message);
    if (!this.#graph) return;
    this.#unsaved.push(message);
    this.#timer ??= setTimeout(() => this.flush(), FLUSH_MS);
  }

  /** Past events when asked for, then each new one, until `until` or the signal. Throws when the reader is too slow to follow. */
  async *subscribe({ since, until, signal, match = () => true }: Subscription): AsyncGenerator<EventMessage> {
    const waiting: EventMessage[] = [];
    let wake = () => {};
    let overrun = false;
    const listener = (message: EventMessage) => {
      if (!match(message)) return;
      if (waiting.length < MOST_WAITING) waiting.push(message);
      else overrun = true;
      wake();
    };
    const past = since === undefined && until === undefined ? [] : this.#between(since, until).filter(match);
    const timeLeft = until === undefined ? undefined : Number((until - nowNanos()) / 1_000_000n);
    const ended = timeLeft === undefined ? signal : AbortSignal.any([signal, timer(timeLeft)]);
    const stop = () => wake();
    if (timeLeft === undefined || timeLeft > 0) this.#listeners.add(listener);
    ended.addEventListener("abort", stop);
    try {
      yield* past;
      for (;;) {
        while (waiting.length > 0) yield waiting.shift()!;
        if (overrun) throw new EngineError("unavailable", "events: the reader is too slow and was cut off");
        if (ended.aborted || (timeLeft !== undefined && timeLeft <= 0)) return;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    } finally {
      this.#listeners.delete(listener);
      ended.removeEventListener("abort", stop);
    }
  }

  /** Writes what is not yet written. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const batch = this.#unsaved;
    this.#unsaved = [];
    if (!this.#graph || batch.length === 0) return;
    const graph = this.#graph;
    try {
      graph.transaction(
        () => {
          for (const { timeNano, ...rest } of batch)
            graph.run("INSERT INTO events (nanos, message) VALUES (?, ?)", timeNano, JSON.stringify(rest));
          graph.run(
            "DELETE FROM events WHERE nanos <= (SELECT nanos FROM events ORDER BY nanos DESC LIMIT 1 OFFSET ?)",
            KEPT,
          );
        },
        { durable: false },
      );
    } catch (error) {
      this.#log?.warn("events not written", { error: messageOf(error) });
    }
  }

  #between(since: bigint | undefined, until: bigint | undefined): EventMessage[] {
    return this.#past.filter(
      ({ timeNano }) =>
        (since === undefined || timeNano >= since) && (until === undefined || timeNano <= until),
    );
  }

  #load(): void {
    // as text: a nanosecond time is above 2^53
    const rows =
      this.#graph?.all<{ nanos: string; message: string }>(
        "SELECT CAST(nanos AS TEXT) AS nanos, message FROM events ORDER BY events.nanos DESC LIMIT ?",
        KEPT,
      ) ?? [];
    for (const { nanos, message } of rows.reverse())
      this.#past.push({
        ...(JSON.parse(message) as Omit<EventMessage, "timeNano">),
        timeNano: BigInt(nanos),
      });
    this.#last = this.#past.at(-1)?.timeNano ?? 0n;
  }
}

/** `status`, `id` and `from` are what API versions before 1.52 show beside the actor. */
function eventOf(
  Type: string,
  Action: string,
  ID: string,
  attributes: Readonly<Record<string, string>>,
  timeNano: bigint,
): EventMessage {
  const old =
    Type === "container"
      ? { status: Action, id: ID, from: attributes.image ?? "" }
      : Type === "image"
        ? { status: Action, id: ID }
        : {};
  return {
    ...old,
    Type,
    Action,
    Actor: { ID, Attributes: sorted(attributes) },
    scope: "local",
    time: Number(timeNano / 1_000_000_000n),
    timeNano,
  };
}

const sorted = (record: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));

/** Like AbortSignal.timeout, for spans beyond 2^31 ms too, and in the past. */
function timer(ms: number): AbortSignal {
  const most = 2 ** 31 - 1;
  return ms > most ? AbortSignal.timeout(most) : AbortSignal.timeout(Math.max(0, ms));
}
