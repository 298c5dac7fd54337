import { type Filters, parseFilters } from "../../api/filters.ts";
import type { EventMessage } from "../../api/system.ts";
import { invalid } from "../../base/errors.ts";
import { nowNanos, parseTime } from "../../base/units.ts";
import { job } from "../../engine/job.ts";
import type { Needs } from "../needs.ts";

const NAMED = ["config", "container", "daemon", "network", "node", "plugin", "secret", "service", "volume"];
const KEYS = [...NAMED, "event", "image", "label", "scope", "type"];
/** Their action carries a command or a state behind a colon: they are matched by how they begin. */
const BEGINNINGS = ["exec_create", "exec_start", "health_status"];

export interface EventsInput {
  since?: string;
  until?: string;
  /** `filters=` of the Engine API */
  filters?: string;
}

/** Past events when asked for, then new ones as they happen, until the caller goes. */
export const events = job(
  "events",
  async (m: Needs<"events">, input: EventsInput, io): Promise<AsyncIterable<EventMessage>> => {
    const filters = parseFilters(input.filters, KEYS);
    const now = nowNanos();
    const since = input.since === undefined ? undefined : parseTime(input.since, now);
    const until = input.until === undefined ? undefined : parseTime(input.until, now);
    if (since !== undefined && until !== undefined && since > until)
      throw invalid(`\`since\` time (${input.since}) cannot be after \`until\` time (${input.until})`);
    const match = filters.empty ? undefined : (message: EventMessage) => includes(filters, message);
    return m.events.subscribe({ since, until, signal: io.signal, match });
  },
);

/** As moby daemon/events/filter.go. */
function includes(filters: Filters, { Type, Action, Actor, scope }: EventMessage): boolean {
  const { name = "" } = Actor.Attributes;
  const byBeginning = filters.get("event").some((value) => BEGINNINGS.includes(value));
  return (
    filters.exact("type", Type) &&
    filters.exact("scope", scope) &&
    (byBeginning ? filters.prefix("event", Action) : filters.exact("event", Action)) &&
    filters.labels("label", Actor.Attributes) &&
    NAMED.every((key) => filters.prefix(key, Actor.ID) || filters.prefix(key, name)) &&
    image(filters, Type === "image" ? name : (Actor.Attributes.image ?? ""), Actor.ID)
  );
}

const image = (filters: Filters, name: string, id: string): boolean =>
  [id, name, untagged(id), untagged(name)].some((candidate) => filters.exact("image", candidate));

const untagged = (name: string): string => name.replace(/:[^:/]+$/, "");
