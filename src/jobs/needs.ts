import type { Log } from "../base/log.ts";
import type { Supervisor } from "../container/monitor.ts";
import type { Containers } from "../container/store.ts";
import type { Distribution } from "../distribution/pull.ts";
import type { Events } from "../events/events.ts";
import type { ExecDriver } from "../execdriver/driver.ts";
import type { Images } from "../image/store.ts";
import type { Layers } from "../layer/store.ts";
import type { Networks } from "../network/store.ts";
import type { References } from "../reference/store.ts";
import type { Volumes } from "../volume/store.ts";

/** What jobs may know of the daemon they run in. */
export interface Host {
  readonly version: string;
  /** The daemon's name in events and `info`. */
  readonly name: string;
  /** Stable over restarts of the daemon. */
  readonly id: string;
  /** The data root, absolute. */
  readonly root: string;
  readonly startedAt: Date;
  /** The flags and file settings that jobs look at. */
  readonly settings: {
    readonly cgroupParent: string;
    readonly dns: readonly string[];
    readonly dnsOptions: readonly string[];
    readonly dnsSearch: readonly string[];
    readonly logDriver: string;
    readonly logOptions: Readonly<Record<string, string>>;
    readonly labels: readonly string[];
    readonly debug: boolean;
    readonly registryMirrors: readonly string[];
    readonly insecureRegistries: readonly string[];
    readonly init: boolean;
    readonly defaultShmSize: number;
    readonly defaultUlimits: readonly { Name: string; Soft: number; Hard: number }[];
    readonly liveRestore: boolean;
    /** seconds */
    readonly shutdownTimeout: number;
  };
}

/** Every module of the daemon by the name that jobs call it. Built in `daemon/boot.ts`, once. */
export interface Modules {
  readonly containers: Containers;
  readonly supervisor: Supervisor;
  readonly distribution: Distribution;
  readonly events: Events;
  readonly execdriver: ExecDriver;
  readonly host: Host;
  readonly images: Images;
  readonly layers: Layers;
  readonly log: Log;
  readonly networks: Networks;
  readonly references: References;
  readonly volumes: Volumes;
}

/** What a job asks for: `Needs<"containers" | "events">`. */
export type Needs<K extends keyof Modules> = Pick<Modules, K>;
