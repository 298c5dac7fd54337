import { closeSync, readFileSync } from "node:fs";
import type { EndpointSettings, NetworkInspect } from "../api/networks.ts";
import { EngineError } from "../base/errors.ts";
import { newId } from "../base/id.ts";
import type { Log } from "../base/log.ts";
import { nowNanos, rfc3339 } from "../base/units.ts";
import type { GraphDB } from "../graph/graphdb.ts";
import type { EndpointRecord, NetworkDriver, PublishRequest } from "../networkdriver/driver.ts";
import { netnsOf } from "../networkdriver/fixed.ts";
import { parseCounters } from "./counters.ts";
import { inspectOf, portsOf, settingsOf } from "./inspect.ts";

export type { EndpointRecord, PublishedPort, PublishRequest } from "../networkdriver/driver.ts";

/** A network as it is kept. */
export interface NetworkRecord {
  /** 64-hex id. */
  readonly id: string;
  readonly name: string;
  /** `bridge`, `host`, `null` */
  readonly driver: string;
  /** RFC 3339 */
  readonly created: string;
}

/** What a container asks of its network. */
export interface JoinInput {
  /** The container's id. */
  readonly container: string;
  /** The container's name. */
  readonly name: string;
  readonly hostname: string;
  /** `bridge`, `none`, `host`, `container:ID` or the name of a network; `default` and nothing mean bridge. */
  readonly mode: string;
  readonly networkDisabled?: boolean;
  readonly settings?: EndpointSettings;
  readonly aliases?: readonly string[];
  readonly ports: readonly PublishRequest[];
  /** The running process whose namespace is shared, for `container:ID`. */
  readonly target?: { readonly pid: number };
}

/** Where a container runs. */
export interface Sandbox {
  /** The namespace, an open descriptor: the caller's, to be closed when the container runs. None: the host's own. */
  readonly netns?: number;
  readonly endpoint?: EndpointRecord;
  /** The address that `host-gateway` means: the default bridge's. */
  readonly hostGateway?: string;
  /** Closes the descriptor; called twice, nothing happens. */
  close(): void;
}

/** Networks, and the endpoints of containers on them; connect and disconnect through each network's driver. */
export class Networks {
  readonly #graph: GraphDB;
  readonly #log: Log;
  readonly #drivers: ReadonlyMap<string, NetworkDriver>;
  readonly #records = new Map<string, NetworkRecord>();
  /** By container. */
  readonly #endpoints = new Map<string, EndpointRecord>();

  /** One driver for each network that there is. */
  constructor(graph: GraphDB, drivers: readonly NetworkDriver[], log: Log) {
    this.#graph = graph;
    this.#log = log;
    this.#drivers = new Map(drivers.map((driver) => [driver.network, driver]));
  }

  /** Makes sure that every network has its record and what it needs of the kernel. */
  async init(): Promise<void> {
    const rows = this.#graph.all<{ record: string }>("SELECT record FROM networks");
    for (const { record } of rows) this.#keep(JSON.parse(record) as NetworkRecord);
    for (const driver of this.#drivers.values()) {
      if (!this.#records.has(driver.network)) this.#add(driver);
      await driver.init();
    }
  }

  /**
   * After a start of the daemon: the endpoints of these containers live on with their addresses and ports, all else is
   * swept. From then on containers may join.
   */
  async restore(running: ReadonlySet<string>): Promise<void> {
    const rows = this.#graph.all<{ record: string }>("SELECT record FROM endpoints");
    const found = rows.map(({ record }) => JSON.parse(record) as EndpointRecord);
    for (const endpoint of found) {
      if (running.has(endpoint.container)) this.#endpoints.set(endpoint.container, endpoint);
      else this.#graph.run("DELETE FROM endpoints WHERE id = ?", endpoint.id);
    }
    const kept = [...this.#endpoints.values()];
    for (const driver of this.#drivers.values()) {
      const { id } = this.get(driver.network);
      await driver.restore(kept.filter(({ network }) => network === id));
    }
  }

  /** By name, id or an id's beginning. Throws `not_found` in Docker's words. */
  get(nameOrId: string): NetworkRecord {
    const found = this.#find(nameOrId);
    if (!found) throw new EngineError("not_found", `network ${nameOrId} not found`);
    return found;
  }

  list(): NetworkRecord[] {
    return [...this.#records.values()];
  }

  /**
   * Gives a container its place. Throws `not_found` for an unknown network, `internal` when a port is taken, in Docker's
   * words; nothing is left then.
   */
  async join(input: JoinInput): Promise<Sandbox> {
    if (input.target) return sandboxOf(netnsOf(input.target.pid));
    const network = this.get(this.#nameFor(input));
    const driver = this.#drivers.get(network.name)!;
    checkSettings(input);
    const { endpoint, netns } = await driver.join({
      id: newId(),
      network: network.id,
      container: input.container,
      name: input.name,
      sandbox: newId(),
      mac: input.settings?.MacAddress || undefined,
      ports: input.ports,
    });
    this.#endpoints.set(input.container, endpoint);
    this.#save(endpoint);
    return { ...sandboxOf(netns), endpoint, hostGateway: this.#hostGateway };
  }

  /** Ports and address are free when it returns; nothing happens for a container that is on no network. */
  async leave(container: string): Promise<void> {
    const endpoint = this.#endpoints.get(container);
    if (!endpoint) return;
    this.#endpoints.delete(container);
    try {
      await this.#driverOf(endpoint)?.leave(endpoint);
    } finally {
      this.#graph.transaction(() => this.#graph.run("DELETE FROM endpoints WHERE id = ?", endpoint.id), {
        durable: false,
      });
    }
  }

  /** The container's endpoint while it is on a network. */
  endpoint(container: string): EndpointRecord | undefined {
    return this.#endpoints.get(container);
  }

  /** What inspect and list show; empty while the container is on no network. */
  settings(container: string): {
    networks: Record<string, EndpointSettings>;
    ports: Record<string, { HostIp: string; HostPort: string }[] | null>;
    sandboxId: string;
  } {
    const endpoint = this.#endpoints.get(container);
    if (!endpoint) return { networks: {}, ports: {}, sandboxId: "" };
    const { name } = this.get(endpoint.network);
    return {
      networks: { [name]: settingsOf(endpoint) },
      ports: portsOf(endpoint),
      sandboxId: endpoint.sandbox,
    };
  }

  /** Docker's answer to `network inspect`. */
  inspect(nameOrId: string): NetworkInspect {
    const record = this.get(nameOrId);
    const members = [...this.#endpoints.values()].filter(({ network }) => network === record.id);
    return inspectOf(record, this.#drivers.get(record.name)!.facts, members);
  }

  /** The `networks` of stats: the counters of every interface but `lo` in the namespace of a process. */
  counters(pid: number): Record<string, Record<string, number>> {
    return parseCounters(readFileSync(`/proc/${pid}/net/dev`, "utf8"));
  }

  /** The daemon ends: what no container uses is taken away, the rest stays as it is. */
  async close(): Promise<void> {
    const inUse = this.#endpoints.values().some(({ link }) => link !== undefined);
    for (const driver of this.#drivers.values()) await driver.close(inUse);
  }

  get #hostGateway(): string | undefined {
    return this.#drivers.get("bridge")?.facts.gateway;
  }

  /** Where no bridge is (`--bridge none`), what would be on it has no network. */
  #nameFor({ networkDisabled, mode }: JoinInput): string {
    const name = mode === "default" || mode === "" ? "bridge" : mode;
    return networkDisabled || (name === "bridge" && !this.#drivers.has(name)) ? "none" : name;
  }

  #find(nameOrId: string): NetworkRecord | undefined {
    const exact = this.#records.get(nameOrId) ?? this.list().find(({ id }) => id === nameOrId);
    if (exact || !/^[0-9a-f]{4,}$/.test(nameOrId)) return exact;
    const starts = this.list().filter(({ id }) => id.startsWith(nameOrId));
    return starts.length === 1 ? starts[0] : undefined;
  }

  #add(driver: NetworkDriver): void {
    const created = rfc3339(nowNanos());
    const record: NetworkRecord = { id: newId(), name: driver.network, driver: driver.type, created };
    this.#keep(record);
    const { id, name } = record;
    const values = [id, name, record.driver, JSON.stringify(record)];
    this.#graph.run("INSERT INTO networks (id, name, driver, record) VALUES (?, ?, ?, ?)", ...values);
  }

  #keep(record: NetworkRecord): void {
    if (this.#drivers.has(record.name)) this.#records.set(record.name, record);
    else this.#log.debug("a network without a driver is not served", { network: record.name });
  }

  /** Not synced: after a power cut no container runs, and the endpoints of those that do not are swept. */
  #save(endpoint: EndpointRecord): void {
    const { id, network, container, address = null } = endpoint;
    const record = JSON.stringify(endpoint);
    const insert =
      "INSERT OR REPLACE INTO endpoints (id, network, container, address, record) VALUES (?, ?, ?, ?, ?)";
    const insertPort =
      "INSERT OR REPLACE INTO ports (protocol, host_address, host_port, endpoint, container_port) VALUES (?, ?, ?, ?, ?)";
    this.#graph.transaction(
      () => {
        this.#graph.run(insert, id, network, container, address, record);
        for (const port of endpoint.ports)
          this.#graph.run(insertPort, port.proto, port.hostIp, port.hostPort, id, port.containerPort);
      },
      { durable: false },
    );
  }

  #driverOf(endpoint: EndpointRecord): NetworkDriver | undefined {
    return this.#drivers.get(this.get(endpoint.network).name);
  }
}

/** What Docker does not allow on its own networks, in its words. */
function checkSettings({ settings, mode, aliases }: JoinInput): void {
  const refuse = (reason: string): never => {
    throw new EngineError(
      "invalid",
      `invalid config for network ${mode}: invalid endpoint settings:\n${reason}`,
    );
  };
  if (settings?.IPAMConfig?.IPv4Address || settings?.IPAMConfig?.IPv6Address)
    refuse("user specified IP address is supported on user defined networks only");
  if (aliases && aliases.length > 0)
    refuse("network-scoped alias is supported only for containers in user defined networks");
  const mac = settings?.MacAddress;
  if (mac && !/^[0-9a-f][02468ace](:[0-9a-f]{2}){5}$/i.test(mac))
    throw new EngineError("invalid", `invalid MAC address: ${mac}`);
}

function sandboxOf(netns: number | undefined): Sandbox {
  let open = netns !== undefined;
  const close = (): void => {
    if (open) closeSync(netns!);
    open = false;
  };
  return { netns, close };
}
