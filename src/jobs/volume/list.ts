import { parseFilters } from "../../api/filters.ts";
import type { VolumeInspect } from "../../api/volumes.ts";
import { job } from "../../engine/job.ts";
import type { Needs } from "../needs.ts";

const KEYS = ["dangling", "driver", "label", "name"];

export const volumeList = job(
  "volumes",
  async (
    m: Needs<"volumes">,
    input: { filters?: string },
  ): Promise<{ Volumes: VolumeInspect[]; Warnings: string[] | null }> => {
    const filters = parseFilters(input.filters, KEYS);
    const dangling = filters.has("dangling") ? filters.flag("dangling", false) : undefined;
    const shown = m.volumes
      .list()
      .filter(
        (volume) =>
          filters.exact("driver", volume.Driver) &&
          filters.match("name", volume.Name) &&
          filters.labels("label", volume.Labels) &&
          (dangling === undefined || dangling === (m.volumes.users(volume.Name).length === 0)),
      );
    return { Volumes: shown, Warnings: null };
  },
);

export const volumeInspect = job(
  "volume_inspect",
  async (m: Needs<"volumes">, input: { name: string }): Promise<VolumeInspect> => m.volumes.get(input.name),
);
