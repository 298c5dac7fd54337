import type { Filters } from "../../api/filters.ts";
import { invalid } from "../../base/errors.ts";
import { parsePort } from "../../container/check.ts";
import type { Container } from "../../container/container.ts";
import { resolveImage } from "../image/resolve.ts";
import { type ListNeeds, wholeNumber } from "./list.ts";
import { networkSettings } from "./network.ts";

/** Every filter of `containers/json`. */
export const FILTERS = [
  "ancestor",
  "before",
  "exited",
  "expose",
  "health",
  "id",
  "isolation",
  "is-task",
  "label",
  "name",
  "network",
  "publish",
  "since",
  "status",
  "volume",
];

const STATES = ["created", "running", "paused", "restarting", "removing", "exited", "dead"];
const HEALTHS = ["none", "starting", "healthy", "unhealthy"];

type Test = (container: Container) => boolean;

/** What a container must be to be shown. Throws `invalid` for a value that means nothing, `not_found` for an unknown container. */
export function selector(
  m: ListNeeds,
  filters: Filters,
  { before, since }: { before?: string; since?: string },
): Test {
  const tests: Test[] = [
    (container) => filters.match("id", container.id),
    (container) => filters.match("name", container.name) || filters.match("name", `/${container.name}`),
    (container) => filters.labels("label", container.config.Labels),
    status(filters),
    exited(filters),
    health(filters),
    age(m, [...filters.get("before"), ...(before ? [before] : [])], (a, b) => a < b),
    age(m, [...filters.get("since"), ...(since ? [since] : [])], (a, b) => a > b),
    ancestor(m, filters),
    volume(filters),
    network(m, filters),
    ports(filters, "publish", (container) => publicPorts(m, container)),
    ports(filters, "expose", (container) => Object.keys(networkSettings(m, container).Ports)),
    () => !filters.has("is-task") || !filters.flag("is-task", false),
  ];
  return (container) => tests.every((test) => test(container));
}

function status(filters: Filters): Test {
  const wanted = filters.get("status");
  for (const value of wanted)
    if (!STATES.includes(value))
      throw invalid(
        `invalid filter 'status=${value}': invalid value for state (${value}): must be one of ${STATES.join(", ")}`,
      );
  return (container) => wanted.length === 0 || wanted.includes(container.status);
}

function exited(filters: Filters): Test {
  const codes = filters.get("exited").map((value) => wholeNumber("exited", value));
  return ({ running, neverStarted, state }) =>
    codes.length === 0 || (!running && !neverStarted && codes.includes(state.exitCode));
}

/** No health check is run yet: all are `none`. */
function health(filters: Filters): Test {
  const wanted = filters.get("health");
  for (const value of wanted)
    if (!HEALTHS.includes(value))
      throw invalid(
        `invalid filter 'health=${value}': invalid value for health (${value}): must be one of ${HEALTHS.join(", ")}`,
      );
  return () => wanted.length === 0 || wanted.includes("none");
}

/** Created before (or after) each of the named containers. */
function age(m: ListNeeds, names: readonly string[], holds: (a: string, b: string) => boolean): Test {
  const others = names.map((name) => m.containers.get(name).record.created);
  return ({ record }) => others.every((other) => holds(record.created, other));
}

/** Of one of the images, or of one that was built on it. */
function ancestor(m: ListNeeds, filters: Filters): Test {
  const names = filters.get("ancestor");
  if (names.length === 0) return () => true;
  const ids = new Set<string>();
  for (const name of names) {
    let id: string;
    try {
      id = resolveImage(m, name).id;
    } catch {
      continue; // an unknown image has no containers
    }
    const family = [id];
    for (let next = family.pop(); next !== undefined; next = family.pop()) {
      ids.add(next);
      family.push(...m.images.children(next));
    }
  }
  return (container) => ids.has(container.image);
}

/** Uses the volume of that name, or has something mounted at that place. */
function volume(filters: Filters): Test {
  const wanted = filters.get("volume");
  return ({ record }) =>
    wanted.length === 0 ||
    record.mounts.some(
      ({ name, source, destination }) =>
        (name !== undefined && wanted.includes(name)) ||
        wanted.includes(destination) ||
        wanted.includes(source),
    );
}

function network(m: ListNeeds, filters: Filters): Test {
  const wanted = filters.get("network");
  if (wanted.length === 0) return () => true;
  return ({ id, record }) => {
    const networks = Object.entries(m.networks.settings(id).networks);
    return (
      wanted.some((name) => name in record.endpoints) ||
      networks.some(
        ([name, { NetworkID }]) => wanted.includes(name) || wanted.some((id) => NetworkID?.startsWith(id)),
      )
    );
  };
}

/** The host's ports that lead to it. */
const publicPorts = (m: ListNeeds, container: Container): string[] =>
  Object.entries(networkSettings(m, container).Ports).flatMap(([port, bindings]) =>
    (bindings ?? []).map(({ HostPort }) => `${HostPort}/${port.split("/")[1]}`),
  );

function ports(filters: Filters, key: string, of: (container: Container) => string[]): Test {
  const ranges = filters.get(key).map(parsePort);
  return (container) =>
    ranges.length === 0 ||
    of(container)
      .map(parsePort)
      .some(({ first, last, proto }) =>
        ranges.some((range) => range.proto === proto && range.first <= last && first <= range.last),
      );
}
