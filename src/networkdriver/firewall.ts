import { EngineError, messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { SyscallError } from "../sys/errors.ts";
import { Batch, type Chain, type Element, Iptables, type NftMap } from "../sys/iptables.ts";
import {
  accept,
  acceptedInterface,
  CT_STATE,
  CT_STATUS,
  counter,
  ctState,
  ctStatus,
  daddr,
  dnatByAddress,
  dnatByPort,
  drop,
  type Expression,
  iifname,
  jump,
  masquerade,
  notDaddr,
  notOifname,
  oifname,
  saddr,
  toLocal,
} from "../sys/nftables.ts";
import { ipBytes } from "../sys/rtnetlink.ts";
import type { PublishedPort } from "./driver.ts";
import { parseAddress, type Subnet } from "./subnet.ts";

/** What the rules of one bridge depend on. */
export interface Ruled {
  readonly bridge: string;
  readonly subnet: Subnet;
  /** Containers go out under the host's address. */
  readonly masquerade: boolean;
  /** Containers may talk to each other. */
  readonly icc: boolean;
}

/** A published port and the container's address behind it. */
export interface Target extends PublishedPort {
  readonly address: string;
}

const CHAINS: readonly Chain[] = [
  { name: "raw", base: { type: "filter", hook: "prerouting", priority: -300 } },
  { name: "publish" },
  { name: "prerouting", base: { type: "nat", hook: "prerouting", priority: -100 } },
  { name: "output", base: { type: "nat", hook: "output", priority: -100 } },
  { name: "forward", base: { type: "filter", hook: "forward", priority: 0 } },
  { name: "postrouting", base: { type: "nat", hook: "postrouting", priority: 100 } },
];

/** nft's numbers of types, six bits each: ipv4_addr 7, inet_proto 12, inet_service 13. */
const PORT_TYPE = (12 << 6) | 13;
const TARGET = { type: (7 << 6) | 13, size: 8 };
const PORTS: NftMap = { name: "ports", key: { type: PORT_TYPE, size: 8 }, value: TARGET };
const PORTS_AT: NftMap = { name: "ports_at", key: { type: (7 << 12) | PORT_TYPE, size: 12 }, value: TARGET };
const PROTO = { tcp: 6, udp: 17, sctp: 132 } as const;

const LOOPBACK = { address: new Uint8Array([127, 0, 0, 0]), prefix: 8 };
const REPLIES = CT_STATE.established | CT_STATE.related;
/** Where a Docker on the same host (or iptables by hand) drops what it does not know. */
const FOREIGN = { table: "filter", chain: "FORWARD" };

interface Rule {
  readonly chain: string;
  readonly why: string;
  readonly match: readonly Expression[];
}

const COMMON: readonly Rule[] = [
  { chain: "publish", why: "ports published at one address", match: dnatByAddress(PORTS_AT.name) },
  { chain: "publish", why: "ports published at every address", match: dnatByPort(PORTS.name) },
  {
    chain: "prerouting",
    why: "published ports from outside and from containers; 127/8 never comes in by a wire",
    match: [...notDaddr(LOOPBACK), ...toLocal(), ...jump("publish")],
  },
  { chain: "output", why: "published ports from this host", match: [...toLocal(), ...jump("publish")] },
];

/** What one bridge needs, in order. A drop here is final whatever other tables say, an accept is not. */
function rulesOf({ bridge, subnet, masquerade: masked, icc }: Ruled): Rule[] {
  const range = { address: ipBytes(subnet.network), prefix: subnet.prefix };
  const inwards = oifname(bridge);
  const published = ctStatus(CT_STATUS.dnat);
  const rules: (Rule | false)[] = [
    {
      chain: "raw",
      why: "route_localnet is on for the bridge: no container reaches the host's 127/8 by it",
      match: [...iifname(bridge), ...daddr(LOOPBACK), ...drop()],
    },
    {
      chain: "raw",
      why: "nor speaks as if it were the host",
      match: [...iifname(bridge), ...saddr(LOOPBACK), ...drop()],
    },
    { chain: "forward", why: "answers", match: [...inwards, ...ctState(REPLIES), ...accept()] },
    { chain: "forward", why: "published ports", match: [...inwards, ...published, ...accept()] },
    icc && {
      chain: "forward",
      why: "containers among each other",
      match: [...iifname(bridge), ...inwards, ...accept()],
    },
    { chain: "forward", why: "nothing else comes in", match: [...inwards, ...counter(), ...drop()] },
    masked && {
      chain: "postrouting",
      why: "out under the host's address",
      match: [...saddr(range), ...notOifname(bridge), ...masquerade()],
    },
    {
      chain: "postrouting",
      why: "a container that uses a published port (perhaps its own) gets its answers by way of the host",
      match: [...inwards, ...saddr(range), ...published, ...masquerade()],
    },
    {
      chain: "postrouting",
      why: "published ports at 127.0.0.1: the container can answer",
      match: [...inwards, ...saddr(LOOPBACK), ...masquerade()],
    },
  ];
  return rules.filter((rule) => rule !== false);
}

/**
 * The rules that we own, in a table of our own: it is replaced whole, and nobody else's rule is touched. One exception:
 * two accept rules at the head of `ip filter FORWARD` when its policy is drop, as a Docker on the same host sets it,
 * since no table of ours can take a drop back.
 */
export class Firewall {
  readonly #table: string;
  readonly #log: Log;
  readonly #targets = new Map<string, Target>();
  #iptables: Iptables | undefined;
  #ruled: Ruled | undefined;

  constructor(table: string, log: Log) {
    this.#table = table;
    this.#log = log;
  }

  /** Replaces the table, in one step, by the bridge's rules and these ports. Throws `unavailable` without nf_tables. */
  install(ruled: Ruled, targets: readonly Target[]): void {
    this.#ruled = ruled;
    this.#targets.clear();
    for (const target of targets) this.#targets.set(nameOf(target), target);
    this.#replace();
    this.#openForeign();
  }

  /** Leads these ports of the host to a container. */
  publish(targets: readonly Target[]): void {
    this.#apply(this.#elements(new Batch(), "add", targets));
    for (const target of targets) this.#targets.set(nameOf(target), target);
  }

  unpublish(ports: readonly PublishedPort[]): void {
    const targets = ports.flatMap((port) => this.#targets.get(nameOf(port)) ?? []);
    for (const target of targets) this.#targets.delete(nameOf(target));
    try {
      this.#apply(this.#elements(new Batch(), "delete", targets));
    } catch (error) {
      if (!(error instanceof SyscallError) || error.code !== "ENOENT") throw error;
      this.#replace(); // somebody took our table or an element away
    }
  }

  /** Looks after what others may have done meanwhile: flushed all tables, or put a drop policy over forwarding. */
  check(): void {
    if (!this.#ruled) return;
    try {
      if (!this.#kernel().hasTable(this.#table)) {
        this.#log.warn("the firewall was flushed: rules are put back", { table: this.#table });
        this.#replace();
      }
      this.#openForeign();
    } catch (error) {
      this.#log.error("firewall check failed", { error: messageOf(error) });
    }
  }

  /** Takes away all that is ours. */
  remove(bridge: string): void {
    const kernel = this.#kernel();
    this.#ruled = undefined;
    this.#targets.clear();
    kernel.apply(new Batch().addTable(this.#table).deleteTable(this.#table));
    const batch = new Batch();
    for (const { handle } of this.#foreignRules(bridge))
      batch.deleteRule(FOREIGN.table, FOREIGN.chain, handle);
    kernel.apply(batch);
  }

  close(): void {
    this.#iptables?.close();
    this.#iptables = undefined;
  }

  #replace(): void {
    const table = this.#table;
    const batch = new Batch()
      .addTable(table)
      .deleteTable(table)
      .addTable(table)
      .addMap(table, PORTS)
      .addMap(table, PORTS_AT);
    for (const chain of CHAINS) batch.addChain(table, chain);
    const rules = [...COMMON, ...(this.#ruled ? rulesOf(this.#ruled) : [])];
    for (const { chain, match } of rules) batch.addRule(table, chain, match);
    this.#kernel().apply(this.#elements(batch, "add", [...this.#targets.values()]));
  }

  #apply(batch: Batch): void {
    this.#kernel().apply(batch);
  }

  #elements(batch: Batch, change: "add" | "delete", targets: readonly Target[]): Batch {
    for (const map of [PORTS, PORTS_AT]) {
      const elements = targets.filter((target) => isLed(target) && mapOf(target) === map).map(elementOf);
      if (change === "add") batch.addElements(this.#table, map.name, elements);
      else
        batch.deleteElements(
          this.#table,
          map.name,
          elements.map(({ key }) => ({ key })),
        );
    }
    return batch;
  }

  #openForeign(): void {
    const bridge = this.#ruled?.bridge;
    const kernel = this.#kernel();
    if (!bridge || kernel.policy(FOREIGN.table, FOREIGN.chain) !== "drop") return;
    const found = this.#foreignRules(bridge);
    const batch = new Batch();
    if (!found.some(({ match }) => match === "oifname"))
      batch.addRule(FOREIGN.table, FOREIGN.chain, [...oifname(bridge), ...counter(), ...accept()], {
        first: true,
      });
    if (!found.some(({ match }) => match === "iifname"))
      batch.addRule(FOREIGN.table, FOREIGN.chain, [...iifname(bridge), ...counter(), ...accept()], {
        first: true,
      });
    if (batch.empty) return;
    kernel.apply(batch);
    this.#log.info("forwarding is dropped by default on this host: our bridge is let through", { bridge });
  }

  #foreignRules(bridge: string): { handle: bigint; match: "iifname" | "oifname" }[] {
    const kernel = this.#kernel();
    if (kernel.policy(FOREIGN.table, FOREIGN.chain) === undefined) return [];
    return kernel.rules(FOREIGN.table, FOREIGN.chain).flatMap(({ handle, expressions }) => {
      const said = acceptedInterface(expressions);
      return said?.name === bridge ? [{ handle, match: said.match }] : [];
    });
  }

  #kernel(): Iptables {
    try {
      this.#iptables ??= new Iptables();
      return this.#iptables;
    } catch (cause) {
      throw new EngineError(
        "unavailable",
        "this kernel has no nf_tables, which published ports and isolation need; --iptables=false does without",
        { cause },
      );
    }
  }
}

const nameOf = ({ proto, hostIp, hostPort }: PublishedPort): string => `${proto}/${hostIp}/${hostPort}`;

/** IPv6 addresses of the host are served by the proxy: the containers have IPv4 only. */
const isLed = ({ hostIp }: PublishedPort): boolean => parseAddress(hostIp) !== undefined;

const mapOf = ({ hostIp }: PublishedPort): NftMap => (hostIp === "0.0.0.0" ? PORTS : PORTS_AT);

/** Registers are 32 bits wide; what is shorter stands at their beginning. */
function elementOf(target: Target): Element {
  const port = [PROTO[target.proto], 0, 0, 0, target.hostPort >> 8, target.hostPort & 255, 0, 0];
  const { containerPort } = target;
  return {
    key: new Uint8Array(target.hostIp === "0.0.0.0" ? port : [...quad(target.hostIp), ...port]),
    value: new Uint8Array([...quad(target.address), containerPort >> 8, containerPort & 255, 0, 0]),
  };
}

const quad = (address: string): Uint8Array => ipBytes(parseAddress(address)!);
