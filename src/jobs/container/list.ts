import type { ContainerSummary, Port } from "../../api/containers.ts";
import { type Filters, parseFilters } from "../../api/filters.ts";
import { invalid } from "../../base/errors.ts";
import { humanDuration } from "../../base/units.ts";
import type { Container } from "../../container/container.ts";
import { mountPoint } from "../../container/mounts.ts";
import { job } from "../../engine/job.ts";
import { findImage } from "../image/resolve.ts";
import type { Needs } from "../needs.ts";
import { FILTERS, selector } from "./list_filters.ts";
import { networkSettings } from "./network.ts";
import { sizesOf } from "./sizes.ts";

export interface ListInput {
  all?: boolean;
  limit?: number;
  size?: boolean;
  filters?: string;
  before?: string;
  since?: string;
}

export type ListNeeds = Needs<"containers" | "networks" | "images" | "references" | "layers" | "volumes">;

/** Containers, newest first: the running ones, or all. */
export const containerList = job(
  "containers",
  async (m: ListNeeds, input: ListInput): Promise<ContainerSummary[]> => {
    const filters = parseFilters(input.filters, FILTERS);
    const limit = input.limit ?? -1;
    const select = selector(m, filters, { before: input.before, since: input.since });
    const wide = input.all || limit > 0 || input.before || input.since || asksForState(filters);
    let found = m.containers.list().filter((container) => (wide || container.running) && select(container));
    if (limit > 0) found = found.slice(0, limit);
    const summaries = found.map((container) => summary(m, container));
    if (input.size)
      await Promise.all(
        found.map(async (container, index) => Object.assign(summaries[index]!, await sizesOf(m, container))),
      );
    return summaries;
  },
);

const asksForState = (filters: Filters): boolean =>
  filters.has("status") || filters.has("exited") || filters.has("before") || filters.has("since");

function summary(m: ListNeeds, container: Container): ContainerSummary {
  const { config, hostConfig, record } = container;
  const { Networks, Ports } = networkSettings(m, container);
  return {
    Id: container.id,
    Names: [`/${container.name}`],
    Image: imageName(m, container),
    ImageID: container.image,
    Command: commandText(container),
    Created: Math.floor(Date.parse(record.created) / 1000),
    Ports: portsOf(container, Ports),
    Labels: config.Labels ?? {},
    State: container.status,
    Status: statusText(container),
    HostConfig: {
      NetworkMode: hostConfig.NetworkMode ?? "",
      ...(hostConfig.Annotations ? { Annotations: hostConfig.Annotations } : {}),
    },
    NetworkSettings: { Networks },
    Mounts: record.mounts.map(mountPoint),
  };
}

/** The name it was created by; its id when that name means another image now. */
function imageName(m: Needs<"references" | "images">, container: Container): string {
  const asked = container.config.Image ?? "";
  try {
    const now = findImage(m, asked);
    return now === undefined || now.id === container.image ? asked : container.image;
  } catch {
    return asked;
  }
}

function commandText({ record }: Container): string {
  const words = record.args.map((word) => (/\s/.test(word) ? `'${word}'` : word));
  return [record.path, ...words].join(" ");
}

const secondsSince = (time: string, now: number): number => (now - Date.parse(time)) / 1000;

/** `Up 5 minutes (Paused)`, `Exited (137) 2 days ago`: Docker's words for people. */
export function statusText(container: Container, now = Date.now()): string {
  const { state } = container;
  switch (container.status) {
    case "restarting":
      return `Restarting (${state.exitCode}) ${humanDuration(secondsSince(state.finishedAt, now))} ago`;
    case "running":
      return `Up ${humanDuration(secondsSince(state.startedAt, now))}`;
    case "paused":
      return `Up ${humanDuration(secondsSince(state.startedAt, now))} (Paused)`;
    case "removing":
      return "Removal In Progress";
    case "dead":
      return "Dead";
    case "created":
      return "Created";
    case "exited":
      return `Exited (${state.exitCode}) ${humanDuration(secondsSince(state.finishedAt, now))} ago`;
  }
}

/** Published ports with where they lead, and exposed ones of a running container without. */
function portsOf(
  container: Container,
  published: Record<string, { HostIp?: string; HostPort?: string }[] | null>,
): Port[] {
  if (!container.running) return [];
  return Object.entries(published).flatMap(([port, bindings]): Port[] => {
    const [number = "", Type = "tcp"] = port.split("/");
    const PrivatePort = Number(number);
    if (!bindings || bindings.length === 0) return [{ PrivatePort, Type }];
    return bindings.map(({ HostIp, HostPort }) => ({
      IP: HostIp ?? "",
      PrivatePort,
      PublicPort: Number(HostPort),
      Type,
    }));
  });
}

/** Throws `invalid` when it is none. */
export function wholeNumber(key: string, value: string): number {
  if (!/^-?\d+$/.test(value))
    throw invalid(
      `invalid filter '${key}=${value}': strconv.Atoi: parsing ${JSON.stringify(value)}: invalid syntax`,
    );
  return Number(value);
}
