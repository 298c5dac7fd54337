import { shim } from "../../ffi/shim.ts";
import { check } from "./errors.ts";
import { NETLINK_NETFILTER, Netlink } from "./netlink.ts";
import { type Expression, put, VERDICT } from "./nftables.ts";
import {
  attributes,
  Message,
  NLM_F_ACK,
  NLM_F_APPEND,
  NLM_F_CREATE,
  NLM_F_DUMP,
  textOf,
  viewOf,
} from "./nlmsg.ts";

/**
 * Firewall rules through nfnetlink: a batch is one transaction of the kernel, all of it or nothing. No program is
 * called. Source: linux/netfilter/nf_tables.h, net/netfilter/nf_tables_api.c.
 */

const SUBSYSTEM = 10;
const BATCH_BEGIN = 16;
const BATCH_END = 17;
const MSG = {
  NEWTABLE: 0,
  GETTABLE: 1,
  DELTABLE: 2,
  NEWCHAIN: 3,
  GETCHAIN: 4,
  NEWRULE: 6,
  GETRULE: 7,
  DELRULE: 8,
  NEWSET: 9,
  NEWSETELEM: 12,
  DELSETELEM: 14,
} as const;
const IPV4 = 2;
const HOOK = { prerouting: 0, input: 1, forward: 2, output: 3, postrouting: 4 } as const;
const SET_IS_MAP = 8;
const ELEMENT = 1;

export interface Chain {
  readonly name: string;
  /** Where the kernel calls it; a chain without is only jumped to. */
  readonly base?: {
    readonly type: "filter" | "nat";
    readonly hook: keyof typeof HOOK;
    readonly priority: number;
    /** What becomes of packets that no rule takes; accept when not said. */
    readonly policy?: "accept" | "drop";
  };
}

/** A map from a concatenated key to a concatenated value, both in 32-bit steps; the types are what `nft` prints. */
export interface NftMap {
  readonly name: string;
  readonly key: { readonly type: number; readonly size: number };
  readonly value: { readonly type: number; readonly size: number };
}

export interface Element {
  readonly key: Uint8Array;
  /** Not given when an element is deleted. */
  readonly value?: Uint8Array;
}

/** A rule that is there: what deletes it, and what it says. */
export interface FoundRule {
  readonly handle: bigint;
  /** Its list of expressions, to be read by `nftables.ts`. */
  readonly expressions: Uint8Array;
}

/** Collects changes to IPv4 tables, then makes them all at once. */
export class Batch {
  readonly #messages: { what: string; message: Message }[] = [];

  get empty(): boolean {
    return this.#messages.length === 0;
  }

  /** Makes the table when it is not there. */
  addTable(table: string): this {
    return this.#push(`add table ${table}`, MSG.NEWTABLE, NLM_F_CREATE, (m) => m.text(1, table));
  }

  /** With all that is in it. ENOENT: not there. */
  deleteTable(table: string): this {
    return this.#push(`delete table ${table}`, MSG.DELTABLE, 0, (m) => m.text(1, table));
  }

  addChain(table: string, chain: Chain): this {
    return this.#push(`add chain ${table} ${chain.name}`, MSG.NEWCHAIN, NLM_F_CREATE, (m) => {
      m.text(1, table).text(3, chain.name);
      const { base } = chain;
      if (!base) return;
      m.nest(4, (hook) => hook.be32(1, HOOK[base.hook]).be32(2, base.priority));
      m.be32(5, VERDICT[base.policy ?? "accept"]).text(7, base.type);
    });
  }

  addMap(table: string, map: NftMap): this {
    const id = this.#messages.length + 1;
    return this.#push(`add map ${table} ${map.name}`, MSG.NEWSET, NLM_F_CREATE, (m) =>
      m
        .text(1, table)
        .text(2, map.name)
        .be32(3, SET_IS_MAP)
        .be32(4, map.key.type)
        .be32(5, map.key.size)
        .be32(6, map.value.type)
        .be32(7, map.value.size)
        .be32(10, id),
    );
  }

  /** EEXIST: the key is there with another value. */
  addElements(table: string, map: string, elements: readonly Element[]): this {
    return this.#elements(`add element ${table} ${map}`, MSG.NEWSETELEM, NLM_F_CREATE, table, map, elements);
  }

  /** ENOENT: not there. */
  deleteElements(table: string, map: string, elements: readonly Element[]): this {
    return this.#elements(`delete element ${table} ${map}`, MSG.DELSETELEM, 0, table, map, elements);
  }

  /** At the end of the chain, or with `first` at its head. */
  addRule(table: string, chain: string, expressions: readonly Expression[], { first = false } = {}): this {
    const flags = NLM_F_CREATE | (first ? 0 : NLM_F_APPEND);
    return this.#push(`add rule ${table} ${chain}`, MSG.NEWRULE, flags, (m) =>
      m
        .text(1, table)
        .text(2, chain)
        .nest(4, (all) => {
          for (const expression of expressions) put(all, expression);
        }),
    );
  }

  deleteRule(table: string, chain: string, handle: bigint): this {
    return this.#push(`delete rule ${table} ${chain}`, MSG.DELRULE, 0, (m) =>
      m.text(1, table).text(2, chain).be64(3, handle),
    );
  }

  /** The bytes of the transaction; `numbers` gives each message its sequence number. */
  encode(numbers: () => number): { bytes: Uint8Array; last: number; what: Map<number, string> } {
    const what = new Map<number, string>();
    const parts = [edge(BATCH_BEGIN).bytes(numbers()).slice()];
    let last = 0;
    this.#messages.forEach((entry, at) => {
      last = numbers();
      what.set(last, entry.what);
      const bytes = entry.message.bytes(last).slice();
      if (at === this.#messages.length - 1)
        viewOf(bytes).setUint16(6, viewOf(bytes).getUint16(6, true) | NLM_F_ACK, true);
      parts.push(bytes);
    });
    parts.push(edge(BATCH_END).bytes(numbers()).slice());
    return { bytes: Buffer.concat(parts), last, what };
  }

  #elements(
    what: string,
    type: number,
    flags: number,
    table: string,
    map: string,
    elements: readonly Element[],
  ): this {
    if (elements.length === 0) return this;
    return this.#push(what, type, flags, (m) =>
      m
        .text(1, table)
        .text(2, map)
        .nest(3, (all) => {
          for (const { key, value } of elements)
            all.nest(ELEMENT, (one) => {
              one.nest(1, (data) => data.raw(1, key));
              if (value) one.nest(2, (data) => data.raw(1, value));
            });
        }),
    );
  }

  #push(what: string, type: number, flags: number, body: (message: Message) => void): this {
    const message = nft(type, flags);
    body(message);
    this.#messages.push({ what, message });
    return this;
  }
}

/** The firewall of our own network namespace, or over a socket that lives in another one, of that. */
export class Iptables {
  readonly #socket: Netlink;

  /** Throws SyscallError: EPROTONOSUPPORT when the kernel has no nfnetlink. */
  constructor(fd?: number) {
    this.#socket = new Netlink(NETLINK_NETFILTER, fd);
  }

  close(): void {
    this.#socket.close();
  }

  /** Makes every change of the batch, or none. Throws SyscallError that names the first one refused. */
  apply(batch: Batch): void {
    if (batch.empty) return;
    const { bytes, last, what } = batch.encode(() => this.#socket.next());
    const refused = new Uint32Array(1);
    const rc = shim().bk_iptables_batch(this.#socket.fd, bytes, bytes.length, last, refused);
    check("nf_tables", what.get(refused[0]!) ?? "batch", rc);
  }

  hasTable(table: string): boolean {
    return this.#socket.get(`get table ${table}`, nft(MSG.GETTABLE, NLM_F_ACK).text(1, table)) !== undefined;
  }

  /** IPv4 tables by name. */
  tables(): string[] {
    const all = this.#socket.dump("list tables", nft(MSG.GETTABLE, NLM_F_DUMP));
    return all.map(({ body }) => textOf(attributes(body, 4).get(1)));
  }

  /** What becomes of a packet that no rule of a base chain takes; undefined: no such chain. */
  policy(table: string, chain: string): "accept" | "drop" | undefined {
    const found = this.#socket.get(
      `get chain ${chain}`,
      nft(MSG.GETCHAIN, NLM_F_ACK).text(1, table).text(3, chain),
    );
    const policy = found && attributes(found.body, 4).get(5);
    if (!policy) return undefined;
    return viewOf(policy).getUint32(0) === VERDICT.drop ? "drop" : "accept";
  }

  /** The rules of a chain in order. */
  rules(table: string, chain: string): FoundRule[] {
    const asked = nft(MSG.GETRULE, NLM_F_DUMP).text(1, table).text(2, chain);
    return this.#socket.dump(`list rules ${table} ${chain}`, asked).flatMap(({ body }) => {
      const found = attributes(body, 4);
      const handle = found.get(3);
      if (!handle || textOf(found.get(2)) !== chain) return [];
      return [{ handle: viewOf(handle).getBigUint64(0), expressions: found.get(4) ?? new Uint8Array() }];
    });
  }
}

/** A message of nf_tables, with its nfgenmsg. */
const nft = (type: number, flags: number): Message =>
  new Message((SUBSYSTEM << 8) | type, flags).struct(new Uint8Array([IPV4, 0, 0, 0]));

/** The edges of a batch name the subsystem that it is for. */
const edge = (type: number): Message => new Message(type, 0).struct(new Uint8Array([0, 0, 0, SUBSYSTEM]));
