import { parseFilters } from "../../api/filters.ts";
import { invalid, messageOf } from "../../base/errors.ts";
import { parseTime } from "../../base/units.ts";
import type { Container } from "../../container/container.ts";
import { job } from "../../engine/job.ts";
import type { Needs } from "../needs.ts";
import { discard, type RemoveNeeds } from "./remove.ts";
import { sizesOf } from "./sizes.ts";

/** Removes every container that does not run, is old enough and has the labels. */
export const containerPrune = job(
  "containers_prune",
  async (
    m: RemoveNeeds & Needs<"images">,
    input: { filters?: string },
  ): Promise<{ ContainersDeleted: string[] | null; SpaceReclaimed: number }> => {
    const filters = parseFilters(input.filters, ["label", "label!", "until"]);
    const until = untilOf(filters.get("until"));
    const chosen = (container: Container): boolean =>
      !container.running &&
      !container.state.removing &&
      filters.labels("label", container.config.Labels) &&
      !filters.get("label!").some((label) => hasLabel(container, label)) &&
      (until === undefined || parseTime(container.record.created) < until);
    const deleted: string[] = [];
    let reclaimed = 0;
    for (const container of m.containers.list().filter(chosen)) {
      try {
        const { SizeRw } = await sizesOf(m, container);
        await discard(m, container);
        deleted.push(container.id);
        reclaimed += SizeRw;
      } catch (error) {
        m.log.warn("not pruned", { container: container.id, error: messageOf(error) });
      }
    }
    m.events.emit("container", "prune", "", { reclaimed: String(reclaimed) });
    return { ContainersDeleted: deleted.length > 0 ? deleted : null, SpaceReclaimed: reclaimed };
  },
);

function untilOf(values: readonly string[]): bigint | undefined {
  if (values.length === 0) return undefined;
  if (values.length > 1) throw invalid("more than one until filter specified");
  try {
    return parseTime(values[0]!);
  } catch (error) {
    throw invalid(`failed to parse value as time or duration: ${JSON.stringify(values[0])}`, error);
  }
}

function hasLabel(container: Container, label: string): boolean {
  const [key = "", value] = label.split(/=(.*)/s);
  const held = container.config.Labels?.[key];
  return held !== undefined && (value === undefined || held === value);
}
