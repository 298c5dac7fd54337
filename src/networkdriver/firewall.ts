import { EngineError, messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { Conntrack, type Flows } from "../sys/conntrack.ts";
import { SyscallError } from "../sys/errors.ts";
import { Batch, Iptables } from "../sys/iptables.ts";
import { accept, acceptedInterface, counter, iifname, oifname } from "../sys/nftables.ts";
import { ipBytes } from "../sys/rtnetlink.ts";
import type { PublishedPort } from "./driver.ts";
import {
  CHAINS,
  COMMON,
  elementOf,
  isLed,
  mapOf,
  PORTS,
  PORTS_AT,
  type Ruled,
  rulesOf,
  type Target,
} from "./rules.ts";
import { parseAddress } from "./subnet.ts";

/** Where a Docker on the same host (or iptables by hand) drops what it does not know. */
const FOREIGN = { table: "filter", chain: "FORWARD" };

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
  #conntrack: Conntrack | undefined;
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
    try {
      this.#replace();
      this.#openForeign();
    } catch (cause) {
      const reason = `this kernel does not take our firewall rules: ${messageOf(cause)}; nf_tables with nat is needed`;
      throw new EngineError("unavailable", `${reason}, or --iptables=false`, { cause });
    }
  }

  /** Leads these ports of the host to a container. */
  publish(targets: readonly Target[]): void {
    this.#apply(this.#elements(new Batch(), "add", targets));
    for (const target of targets) this.#targets.set(nameOf(target), target);
    for (const { proto, hostPort: toPort } of targets)
      if (proto === "udp") this.#forget({ toPort, led: false });
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
    const answering = new Set(targets.filter(({ proto }) => proto === "udp").map(({ address }) => address));
    for (const address of answering) this.#forget({ answeredBy: ipBytes(parseAddress(address)!) });
  }

  /** After the request: the kernel walks all of its flows for it. */
  #forget(flows: Flows): void {
    setImmediate(() => {
      try {
        this.#conntrack ??= new Conntrack();
        this.#conntrack.forget(flows);
      } catch (error) {
        this.#log.warn("flows of a published UDP port cannot be ended", { error: messageOf(error) });
      }
    });
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
    this.#conntrack?.close();
    this.#iptables = this.#conntrack = undefined;
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
