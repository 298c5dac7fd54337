import { mkdirSync } from "node:fs";
import type { VolumeCreateBody, VolumeInspect } from "../api/volumes.ts";
import { conflict, EngineError, invalid, unsupported } from "../base/errors.ts";
import { newId } from "../base/id.ts";
import type { GraphDB } from "../graph/graphdb.ts";
import { isEmptyFolder, makeData, removeData, sweep } from "./local.ts";

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;

/** What an anonymous volume is known by. */
export const ANONYMOUS = "com.docker.volume.anonymous";

/** As `/volumes` shows it; persisted in `volumes.record`. */
export type VolumeRecord = VolumeInspect;

/** Volumes by name, and who uses them. All of them are the local driver's: a folder below the data root. */
export class Volumes {
  readonly #graph: GraphDB;
  readonly #root: string;
  readonly #byName = new Map<string, VolumeRecord>();

  /** `root` is the data root; the data of a volume is at `volumes/<name>/_data`. */
  constructor(graph: GraphDB, root: string) {
    this.#graph = graph;
    this.#root = `${root}/volumes`;
    mkdirSync(this.#root, { recursive: true, mode: 0o701 });
    sweep(this.#root);
    for (const row of graph.all<{ name: string; record: string }>("SELECT name, record FROM volumes"))
      this.#byName.set(row.name, JSON.parse(row.record) as VolumeRecord);
  }

  /** The folder that is mounted. */
  path(name: string): string {
    return `${this.#root}/${name}/_data`;
  }

  /** Throws `not_found`: `get x: no such volume`. */
  get(name: string): VolumeRecord {
    const found = this.#byName.get(name);
    if (!found) throw new EngineError("not_found", `get ${name}: no such volume`);
    return found;
  }

  has(name: string): boolean {
    return this.#byName.has(name);
  }

  list(): VolumeRecord[] {
    return [...this.#byName.values()].sort((a, b) => (a.Name < b.Name ? -1 : 1));
  }

  /**
   * Makes a volume, or gives the one of that name that there is. An anonymous one (without a name: always) says so in its label.
   * `isNew` tells which. Throws `invalid` for a bad name, `unsupported` for another driver or options.
   */
  create(body: VolumeCreateBody, { anonymous = !body.Name } = {}): { volume: VolumeRecord; isNew: boolean } {
    const name = body.Name || newId();
    const known = this.#byName.get(name);
    checkDriver(body, known);
    if (known) return { volume: known, isNew: false };
    checkName(name);
    const labels = anonymous ? { ...body.Labels, [ANONYMOUS]: "" } : body.Labels;
    const volume: VolumeRecord = {
      CreatedAt: new Date().toISOString().replace(/\.\d+Z$/, "Z"),
      Driver: "local",
      Labels: labels ?? null,
      Mountpoint: this.path(name),
      Name: name,
      Options: null,
      Scope: "local",
    };
    makeData(`${this.#root}/${name}`);
    this.#graph.run(
      "INSERT INTO volumes (name, driver, record) VALUES (?, ?, ?)",
      name,
      "local",
      JSON.stringify(volume),
    );
    this.#byName.set(name, volume);
    return { volume, isNew: true };
  }

  /** From now on `container` holds the volume: it is not removed before `unuse`. */
  use(name: string, container: string): void {
    this.#graph.run("INSERT OR IGNORE INTO volume_users (volume, container) VALUES (?, ?)", name, container);
  }

  /** The container holds no volume any more; the names of those it held. */
  unuse(container: string): string[] {
    const held = this.#graph.all<{ volume: string }>(
      "SELECT volume FROM volume_users WHERE container = ?",
      container,
    );
    this.#graph.run("DELETE FROM volume_users WHERE container = ?", container);
    return held.map(({ volume }) => volume);
  }

  /** Ids of the containers that hold it. */
  users(name: string): string[] {
    return this.#graph
      .all<{ container: string }>("SELECT container FROM volume_users WHERE volume = ?", name)
      .map(({ container }) => container);
  }

  /**
   * Gone from the graph at once; the data is deleted in the background. Throws `conflict` while a container holds it,
   * `not_found` when there is none, which `force` forgives.
   */
  remove(name: string, force = false): boolean {
    if (force && !this.has(name)) return false;
    this.get(name);
    const users = this.users(name);
    if (users.length > 0) throw conflict(`remove ${name}: volume is in use - [${users.join(", ")}]`);
    this.#graph.run("DELETE FROM volumes WHERE name = ?", name);
    this.#byName.delete(name);
    removeData(this.#root, name);
    return true;
  }

  /** Takes back a `create` of a moment ago, in a transaction that held or that was rolled back. Nobody uses it. */
  forget(name: string): void {
    this.#graph.run("DELETE FROM volumes WHERE name = ?", name);
    this.#byName.delete(name);
    removeData(this.#root, name);
  }

  isAnonymous(name: string): boolean {
    return this.#byName.get(name)?.Labels?.[ANONYMOUS] !== undefined;
  }

  /** True when nothing is in it. */
  isEmpty(name: string): boolean {
    return isEmptyFolder(this.path(name));
  }
}

function checkName(name: string): void {
  if (NAME.test(name)) return;
  throw invalid(
    name.length === 1
      ? "volume name is too short, names should be at least two alphanumeric characters"
      : `create ${name}: ${JSON.stringify(name)} includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path`,
  );
}

function checkDriver(
  { Name: name, Driver: driver, DriverOpts: options }: VolumeCreateBody,
  known?: VolumeRecord,
): void {
  if (driver && driver !== "local")
    throw new EngineError(
      "not_found",
      `create ${name ?? ""}: error looking up volume plugin ${driver}: plugin ${JSON.stringify(driver)} not found`,
    );
  if (!known && options && Object.keys(options).length > 0)
    throw unsupported(
      `create ${name ?? ""}: options of the local driver (${Object.keys(options).join(", ")}) are not supported: mount the device or folder with --mount type=bind or type=tmpfs`,
    );
}
