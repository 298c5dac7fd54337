import { mkdirSync, rmSync } from "node:fs";
import { rm } from "node:fs/promises";
import { conflict, internal, invalid, messageOf, notFound } from "../base/errors.ts";
import { byPrefix } from "../base/id.ts";
import { Lock } from "../base/lock.ts";
import type { Log } from "../base/log.ts";
import type { GraphDB } from "../graph/graphdb.ts";
import { ROOT } from "../graph/graphdb.ts";
import { Container, type ContainerRecord, newState, type StateRecord } from "./container.ts";
import type { Exec } from "./exec.ts";

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;

/** Throws `invalid` in Docker's words; `shown` is the name as the user gave it. */
export function checkName(name: string, shown = name): void {
  if (!NAME.test(name))
    throw invalid(`Invalid container name (${shown}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`);
}

interface Row {
  id: string;
  name: string;
  record: string;
  state: string;
}

/**
 * All containers: in memory for every question, in the graph for the next daemon. A name is an edge from the graph's root,
 * so that no two containers can have the same one, whatever races.
 */
export class Containers {
  readonly #graph: GraphDB;
  readonly #root: string;
  readonly #log: Log;
  readonly #lock = new Lock();
  readonly #byId = new Map<string, Container>();
  readonly #idByName = new Map<string, string>();
  readonly #execs = new Map<string, Exec>();

  /** `root` is the data root; containers live below `containers/<id>`. */
  constructor(graph: GraphDB, root: string, log: Log) {
    this.#graph = graph;
    this.#root = root;
    this.#log = log;
    mkdirSync(this.dir(""), { recursive: true, mode: 0o710 });
    this.#load();
  }

  dir(id: string): string {
    return `${this.#root}/containers/${id}`.replace(/\/$/, "");
  }

  /** By full id, name (with or without its slash) or unique prefix of the id. Throws `not_found`, or `invalid` when two match. */
  get(asked: string): Container {
    const found = this.find(asked);
    if (!found) throw notFound("container", asked);
    return found;
  }

  find(asked: string): Container | undefined {
    const direct = this.#byId.get(asked) ?? this.#named(asked);
    if (direct || !/^[0-9a-f]+$/.test(asked)) return direct;
    const id = byPrefix(this.#byId.keys(), asked);
    return id === undefined ? undefined : this.#byId.get(id);
  }

  /** The container of that exact name, if any. */
  #named(asked: string): Container | undefined {
    const id = this.#idByName.get(asked.replace(/^\//, ""));
    return id === undefined ? undefined : this.#byId.get(id);
  }

  /** Newest first. */
  list(): Container[] {
    return [...this.#byId.values()].sort((a, b) => (a.record.created < b.record.created ? 1 : -1));
  }

  get count(): number {
    return this.#byId.size;
  }

  /** Throws `conflict` in Docker's words when another container has that name. */
  checkFree(name: string): void {
    const id = this.#idByName.get(name);
    if (id !== undefined)
      throw conflict(
        `Conflict. The container name "/${name}" is already in use by container "${id}". You have to remove (or rename) that container to be able to reuse that name.`,
      );
  }

  /**
   * On disk when it returns, in one transaction with all that `within` writes: then a user has been promised a container.
   * With `--rm` no more was promised than this daemon's life. Throws `conflict` when the name is taken.
   */
  create(record: ContainerRecord, within: () => void = () => {}): Container {
    this.checkFree(record.name);
    mkdirSync(record.dir, { mode: 0o710 });
    const state = newState();
    try {
      this.#graph.transaction(() => {
        this.#graph.addEntity(record.id, record.name);
        this.#graph.run(
          "INSERT INTO containers (id, image, created, record, state) VALUES (?, ?, ?, ?, ?)",
          record.id,
          record.image,
          Date.parse(record.created),
          JSON.stringify(record),
          JSON.stringify(state),
        );
        within();
      }, durabilityOf(record));
    } catch (error) {
      rmSync(record.dir, { recursive: true, force: true });
      throw error;
    }
    return this.#add(record, state);
  }

  /**
   * Writes the state. Not durable by default: what it says, the kernel and the monitor's exit file can say again. Durable
   * where a user was promised something that only this row remembers.
   */
  save(container: Container, { durable = false } = {}): void {
    this.#graph.transaction(
      () =>
        this.#graph.run(
          "UPDATE containers SET state = ? WHERE id = ?",
          JSON.stringify(container.state),
          container.id,
        ),
      { durable },
    );
  }

  /** Gives another name, in the graph and in memory. Throws `conflict` when it is taken. */
  rename(container: Container, name: string): void {
    this.checkFree(name);
    const old = container.name;
    this.#graph.transaction(() => {
      this.#graph.rename(ROOT, old, name);
      this.#graph.run(
        "UPDATE containers SET record = ? WHERE id = ?",
        JSON.stringify({ ...container.record, name }),
        container.id,
      );
    });
    container.record.name = name;
    this.#idByName.delete(old);
    this.#idByName.set(name, container.id);
  }

  /** Forgets a container, with all that `within` takes back, in one transaction. Its folder is deleted in the background. */
  remove(container: Container, within: () => void = () => {}): void {
    this.#graph.transaction(() => {
      within();
      this.#graph.removeEntity(container.id);
    }, durabilityOf(container.record));
    this.#byId.delete(container.id);
    this.#idByName.delete(container.name);
    this.removeExecs((exec) => exec.container === container);
    void rm(container.dir, { recursive: true, force: true }).catch((error: unknown) =>
      this.#log.error("container folder stays", { container: container.id, error: messageOf(error) }),
    );
  }

  addExec(exec: Exec): void {
    this.#execs.set(exec.id, exec);
  }

  removeExecs(which: (exec: Exec) => boolean): void {
    for (const [id, exec] of this.#execs) if (which(exec)) this.#execs.delete(id);
  }

  /** Throws `not_found`: `No such exec instance: x`. */
  exec(id: string): Exec {
    const found = this.#execs.get(id);
    if (!found) throw notFound("exec instance", id);
    return found;
  }

  execsOf(container: Container): Exec[] {
    return [...this.#execs.values()].filter((exec) => exec.container === container);
  }

  #add(record: ContainerRecord, state: StateRecord): Container {
    const container = new Container(record, state, (body) => this.#lock.hold(record.id, body));
    this.#byId.set(record.id, container);
    this.#idByName.set(record.name, record.id);
    return container;
  }

  #load(): void {
    const rows = this.#graph.all<Row>(
      "SELECT c.id, e.name, c.record, c.state FROM containers c JOIN edges e ON e.entity = c.id AND e.parent = ?",
      ROOT,
    );
    for (const row of rows) {
      try {
        const record = { ...(JSON.parse(row.record) as ContainerRecord), name: row.name };
        const state = { ...newState(), ...(JSON.parse(row.state) as StateRecord) };
        this.#add(record, state).traces = true;
      } catch (error) {
        throw internal(`container ${row.id} in the graph cannot be read`, error);
      }
    }
    this.#log.debug("containers loaded", { count: rows.length });
  }
}

const durabilityOf = ({ hostConfig }: ContainerRecord): { durable: boolean } => ({
  durable: hostConfig.AutoRemove !== true,
});
