import type { Rootfs } from "../execdriver/driver.ts";

/** 0 modified, 1 added, 2 deleted: the numbers of the Engine API. */
export type ChangeKind = 0 | 1 | 2;

export interface Change {
  readonly kind: ChangeKind;
  /** absolute, as the container sees it */
  readonly path: string;
}

/** A container's whole file system, seen in the daemon's own namespace for a moment. */
export interface Mounted {
  readonly path: string;
  /** To be called once; the path is gone then. */
  release(): void;
}

/**
 * The port to what keeps layers on disk. Layers have ids of the caller's choice; which one stands on which is told with
 * each call as `parents`, nearest first, all the way down: a driver remembers nothing. Used by `layer` alone.
 */
export interface GraphDriver {
  readonly name: string;
  /**
   * A layer's folder holds that layer alone: it can be filled before the layers below are known, with whiteouts as
   * overlayfs keeps them. Else it holds all below as well, whiteouts take effect at once, and layers come in order.
   */
  readonly standalone: boolean;
  /** What `docker info` shows below "Storage Driver". */
  readonly status: readonly (readonly [string, string])[];
  /**
   * Makes a layer's place; `writable` for a container's. Done when it returns, or later where a copy is needed: never
   * without parents. Throws `conflict` when the id is taken, and leaves nothing on error.
   */
  create(id: string, parents: readonly string[], options: { writable: boolean }): void | Promise<void>;
  /** The folder that a layer's tar is unpacked into, and that a container's changes are in. */
  folder(id: string): string;
  /** How a container's file system is mounted by who runs it. */
  rootfs(id: string, parents: readonly string[], options?: { volatile?: boolean }): Rootfs;
  /** Mounts a container's file system in the daemon's namespace. */
  get(id: string, parents: readonly string[]): Mounted;
  /** What a container's layer changed in those below it, sorted by path. */
  changes(id: string, parents: readonly string[]): Promise<Change[]>;
  /** `GraphDriver.Data` of inspect. */
  data(id: string, parents: readonly string[]): Record<string, string>;
  /** Gone when it returns, also when the id is unknown; the files themselves are deleted in the background. */
  remove(id: string): void;
  /** After a crash: unmounts and removes everything but `known`. */
  cleanUp(known: ReadonlySet<string>): Promise<void>;
  /** Resolves when nothing is left to delete. */
  idle(): Promise<void>;
}
