import type { MountPoint } from "../api/containers.ts";

/** One place where something else than the image is seen, as it was decided at create. */
export interface ContainerMount {
  readonly type: "bind" | "volume" | "tmpfs";
  /** The volume's name. */
  readonly name?: string;
  /** A path on the host; empty for a tmpfs. */
  readonly source: string;
  /** Absolute, inside the container. */
  readonly destination: string;
  /** What the user wrote behind the last colon, as inspect shows it. */
  readonly mode: string;
  readonly writable: boolean;
  /** `rprivate`, `rshared`, …; empty where it does not apply. */
  readonly propagation: string;
  /** mount(8) options in the order in which they are given to the runtime. */
  readonly options: readonly string[];
  /** An empty volume is filled with what the image has at this place. */
  readonly copyUp: boolean;
  /** A missing source is made: what `-v` does and `--mount` does not. */
  readonly makeSource: boolean;
}

/** As inspect and list show it. */
export const mountPoint = (mount: ContainerMount): MountPoint => ({
  Type: mount.type,
  ...(mount.name === undefined ? {} : { Name: mount.name }),
  Source: mount.source,
  Destination: mount.destination,
  ...(mount.type === "volume" ? { Driver: "local" } : {}),
  Mode: mount.mode,
  RW: mount.writable,
  Propagation: mount.propagation,
});
