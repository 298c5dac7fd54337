import type { VolumeCreateBody, VolumeInspect } from "../../api/volumes.ts";
import { job } from "../../engine/job.ts";
import type { Needs } from "../needs.ts";

/** Makes a volume; one of that name that exists is as good. */
export const volumeCreate = job(
  "volume_create",
  async (m: Needs<"volumes" | "events">, { body }: { body: VolumeCreateBody }): Promise<VolumeInspect> => {
    const { volume, isNew } = m.volumes.create(body);
    if (isNew) m.events.emit("volume", "create", volume.Name, { driver: volume.Driver });
    return volume;
  },
);

export const volumeRemove = job(
  "volume_remove",
  async (m: Needs<"volumes" | "events">, input: { name: string; force?: boolean }): Promise<void> => {
    if (m.volumes.remove(input.name, input.force))
      m.events.emit("volume", "destroy", input.name, { driver: "local" });
  },
);
