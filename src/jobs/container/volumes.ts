import { newId } from "../../base/id.ts";
import type { AskedMount } from "../../container/binds.ts";
import type { Container } from "../../container/container.ts";
import type { ContainerMount } from "../../container/mounts.ts";
import { copyUp } from "../../volume/local.ts";
import type { Volumes } from "../../volume/store.ts";
import type { Needs } from "../needs.ts";

/** The volumes of one container to be: named now, written with the container's own row, filled after it. */
export interface VolumeWork {
  /** All mounts, those of volumes with the name and source that they have now. */
  readonly mounts: readonly ContainerMount[];
  /** Names of the volumes that did not exist before; known after `save`. */
  readonly fresh: readonly string[];
  /** Within the container's transaction: makes what is missing and takes all into use. */
  save(container: string): void;
  /** Fills empty ones from the image. `mounted` lends the container's root file system; it is not asked when there is nothing to fill. */
  fill(mounted: (body: (root: string) => Promise<void>) => Promise<void>): Promise<void>;
  /** After a failure: nothing that `save` made is left. */
  forget(): void;
}

/** One event a volume of a container about to run. */
export function tellMounts(m: Needs<"events">, { id, record }: Container): void {
  for (const { name, destination, propagation, writable } of record.mounts) {
    if (name === undefined) continue;
    const how = { destination, driver: "local", propagation, "read/write": String(writable) };
    m.events.emit("volume", "mount", name, { container: id, ...how });
  }
}

/** One event a volume of a container that has ended. */
export function tellUnmounts(m: Needs<"events">, { id, record }: Container): void {
  for (const { name } of record.mounts)
    if (name !== undefined) m.events.emit("volume", "unmount", name, { container: id, driver: "local" });
}

export function makeVolumes(volumes: Volumes, asked: readonly AskedMount[]): VolumeWork {
  const fresh: string[] = [];
  const named = asked.map(({ labels, ...mount }) => {
    if (mount.type !== "volume") return { mount, labels, anonymous: false };
    const name = mount.name ?? newId();
    return {
      mount: { ...mount, name, source: volumes.path(name) },
      labels,
      anonymous: mount.name === undefined,
    };
  });
  return {
    mounts: named.map(({ mount }) => mount),
    fresh,
    save: (container) => {
      for (const { mount, labels, anonymous } of named) {
        if (mount.name === undefined) continue;
        const { isNew } = volumes.create({ Name: mount.name, Labels: labels }, { anonymous });
        if (isNew) fresh.push(mount.name);
        volumes.use(mount.name, container);
      }
    },
    fill: async (mounted) => {
      const empty = named
        .map(({ mount }) => mount)
        .filter(({ copyUp, name }) => copyUp && name !== undefined && volumes.isEmpty(name));
      if (empty.length === 0) return;
      await mounted(async (root) => {
        for (const { destination, source } of empty) await copyUp(root, destination, source);
      });
    },
    forget: () => {
      for (const name of fresh) volumes.forget(name);
    },
  };
}
