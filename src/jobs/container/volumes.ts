import { newId } from "../../base/id.ts";
import type { AskedMount } from "../../container/binds.ts";
import type { ContainerMount } from "../../container/mounts.ts";
import { copyUp } from "../../volume/local.ts";
import type { Volumes } from "../../volume/store.ts";

/** A mount of the container to be; for a volume, with the name that it has now. */
export interface MadeVolume {
  readonly mount: ContainerMount;
}

/** The volumes of one container to be: named now, written with the container's own row, filled after it. */
export interface VolumeWork {
  readonly made: readonly MadeVolume[];
  /** Names of the volumes that did not exist before. */
  readonly fresh: readonly string[];
  /** Within the container's transaction: makes what is missing and takes them into use. */
  save(container: string): void;
  /** Fills empty ones from the image. `mounted` lends the container's root file system. */
  fill(mounted: (body: (root: string) => Promise<void>) => Promise<void>): Promise<void>;
  /** After a failure: nothing that `save` made is left. */
  forget(): void;
}

export function makeVolumes(volumes: Volumes, asked: readonly AskedMount[]): VolumeWork {
  const fresh: string[] = [];
  const made = asked.map(({ labels, ...mount }) => {
    if (mount.type !== "volume") return { mount, labels, anonymous: false };
    const name = mount.name ?? newId();
    return {
      mount: { ...mount, name, source: volumes.path(name) },
      labels,
      anonymous: mount.name === undefined,
    };
  });
  return {
    made,
    fresh,
    save: (container) => {
      for (const { mount, labels, anonymous } of made) {
        if (mount.name === undefined) continue;
        const { isNew } = volumes.create({ Name: mount.name, Labels: labels }, { anonymous });
        if (isNew) fresh.push(mount.name);
        volumes.use(mount.name, container);
      }
    },
    fill: async (mounted) => {
      const empty = made.filter(
        ({ mount }) => mount.copyUp && mount.name !== undefined && volumes.isEmpty(mount.name),
      );
      if (empty.length === 0) return;
      await mounted(async (root) => {
        for (const { mount } of empty) await copyUp(root, mount.destination, mount.source);
      });
    },
    forget: () => {
      for (const name of fresh) volumes.forget(name);
    },
  };
}
