import { attributes, list, type Message, textOf, viewOf } from "./nlmsg.ts";

/**
 * The expressions that rules are made of: small steps of a register machine, each of which loads, compares or decides.
 * Source: linux/netfilter/nf_tables.h; the register numbers as `nft --debug=netlink` prints them.
 */

export const VERDICT = { drop: 0, accept: 1, jump: -3, return: -5 } as const;

/** 32-bit register n of those that begin where register 1 does. */
const reg32 = (n: number): number => 8 + n;
const META = { mark: 3, iifname: 6, oifname: 7, l4proto: 16 } as const;
const NETWORK_HEADER = 1;
const TRANSPORT_HEADER = 2;
const SADDR = 12;
const DADDR = 16;
const DPORT = 2;
const CT = { state: 0, status: 2 } as const;
/** conntrack's bits: ct state (1 << n) and ct status. Source: linux/netfilter/nf_conntrack_common.h. */
export const CT_STATE = { established: 2, related: 4 } as const;
export const CT_STATUS = { dnat: 0x20 } as const;
const FIB_ADDRTYPE = 3;
const FIB_DADDR = 2;
const RTN_LOCAL = 2;
const NAT_DNAT = 1;
const FAMILY_IPV4 = 2;

/** One step: its name in the kernel and how its attributes are written. */
export interface Expression {
  readonly name: string;
  readonly write: (data: Message) => void;
}

const step = (name: string, write: (data: Message) => void): Expression => ({ name, write });
const value = (m: Message, attribute: number, bytes: Uint8Array): Message =>
  m.nest(attribute, (data) => data.raw(1, bytes));
const u32 = (n: number): Uint8Array => new Uint8Array(new Uint32Array([n]).buffer);

const meta = (key: keyof typeof META, register = 1): Expression =>
  step("meta", (m) => m.be32(2, META[key]).be32(1, register));
const payload = (base: number, offset: number, size: number, register = 1): Expression =>
  step("payload", (m) => m.be32(1, register).be32(2, base).be32(3, offset).be32(4, size));
const compare = (bytes: Uint8Array, equal = true): Expression =>
  step("cmp", (m) => value(m.be32(1, 1).be32(2, equal ? 0 : 1), 3, bytes));
const mask = (bits: Uint8Array): Expression =>
  step("bitwise", (m) => {
    value(m.be32(1, 1).be32(2, 1).be32(3, bits.length), 4, bits);
    value(m, 5, new Uint8Array(bits.length));
  });

/** The interface by name, as `iptables -i NAME` writes it. */
export const iifname = (name: string): Expression[] => [meta("iifname"), compare(Buffer.from(`${name}\0`))];
export const notIifname = (name: string): Expression[] => [
  meta("iifname"),
  compare(Buffer.from(`${name}\0`), false),
];
export const oifname = (name: string): Expression[] => [meta("oifname"), compare(Buffer.from(`${name}\0`))];
export const notOifname = (name: string): Expression[] => [
  meta("oifname"),
  compare(Buffer.from(`${name}\0`), false),
];

export interface Range {
  /** IPv4 as four bytes. */
  readonly address: Uint8Array;
  readonly prefix: number;
}

const within = (offset: number, range: Range, equal: boolean): Expression[] => {
  const bits = range.prefix === 0 ? 0 : (0xffffffff << (32 - range.prefix)) >>> 0;
  const bytes = new Uint8Array([bits >>> 24, (bits >>> 16) & 255, (bits >>> 8) & 255, bits & 255]);
  const network = range.address.map((byte, at) => byte & bytes[at]!);
  return [payload(NETWORK_HEADER, offset, 4), mask(bytes), compare(network, equal)];
};
export const saddr = (range: Range): Expression[] => within(SADDR, range, true);
export const daddr = (range: Range): Expression[] => within(DADDR, range, true);
export const notDaddr = (range: Range): Expression[] => within(DADDR, range, false);

const ct = (key: keyof typeof CT, bits: number): Expression[] => [
  step("ct", (m) => m.be32(2, CT[key]).be32(1, 1)),
  mask(u32(bits)),
  compare(u32(0), false),
];
/** One of these bits of CT_STATE. */
export const ctState = (bits: number): Expression[] => ct("state", bits);
/** One of these bits of CT_STATUS. */
export const ctStatus = (bits: number): Expression[] => ct("status", bits);

/** The packet is for this host itself. */
export const toLocal = (): Expression[] => [
  step("fib", (m) => m.be32(3, FIB_DADDR).be32(2, FIB_ADDRTYPE).be32(1, 1)),
  compare(u32(RTN_LOCAL)),
];

/** DNAT to where the map sends the packet's protocol and port; packets that are not in it go on. */
export const dnatByPort = (map: string): Expression[] => [
  meta("l4proto", reg32(0)),
  payload(TRANSPORT_HEADER, DPORT, 2, reg32(1)),
  ...dnatBy(map),
];
/** The same, by the packet's address, protocol and port. */
export const dnatByAddress = (map: string): Expression[] => [
  payload(NETWORK_HEADER, DADDR, 4, reg32(0)),
  meta("l4proto", reg32(1)),
  payload(TRANSPORT_HEADER, DPORT, 2, reg32(2)),
  ...dnatBy(map),
];
const dnatBy = (map: string): Expression[] => [
  step("lookup", (m) => m.text(1, map).be32(2, reg32(0)).be32(3, reg32(0))),
  step("nat", (m) => m.be32(1, NAT_DNAT).be32(2, FAMILY_IPV4).be32(3, reg32(0)).be32(5, reg32(1))),
];

export const masquerade = (): Expression[] => [step("masq", () => {})];
/** Counts what came so far; iptables-nft shows a rule only with one. */
export const counter = (): Expression[] => [step("counter", () => {})];

const verdict = (code: number, chain?: string): Expression[] => [
  step("immediate", (m) =>
    m.be32(1, 0).nest(2, (data) =>
      data.nest(2, (decision) => {
        decision.be32(1, code);
        if (chain !== undefined) decision.text(2, chain);
      }),
    ),
  ),
];
export const accept = (): Expression[] => verdict(VERDICT.accept);
export const drop = (): Expression[] => verdict(VERDICT.drop);
export const jump = (chain: string): Expression[] => verdict(VERDICT.jump, chain);

/** Writes one expression into a rule's list. */
export function put(rule: Message, expression: Expression): void {
  rule.nest(1, (element) => element.text(1, expression.name).nest(2, expression.write));
}

/** The expressions of a rule as the kernel gives them. */
export function expressionsOf(attribute: Uint8Array): { name: string; data: Uint8Array }[] {
  return [...list(attribute)]
    .map(({ payload: element }) => attributes(element))
    .map((found) => ({ name: textOf(found.get(1)), data: found.get(2) ?? new Uint8Array() }));
}

/** What a rule says if all it says is `iifname "x" accept` or `oifname "x" accept`, with or without a counter. */
export function acceptedInterface(
  rule: Uint8Array,
): { match: "iifname" | "oifname"; name: string } | undefined {
  const [load, compared, decision, ...more] = expressionsOf(rule).filter(({ name }) => name !== "counter");
  if (load?.name !== "meta" || compared?.name !== "cmp" || decision?.name !== "immediate" || more.length > 0)
    return undefined;
  const key = be32(attributes(load.data).get(2));
  const comparison = attributes(compared.data);
  const name = textOf(inner(comparison.get(3), 1));
  const code = be32(inner(inner(attributes(decision.data).get(2), 2), 1));
  if (be32(comparison.get(2)) !== 0 || code !== VERDICT.accept) return undefined;
  if (key !== META.iifname && key !== META.oifname) return undefined;
  return { match: key === META.iifname ? "iifname" : "oifname", name };
}

const inner = (data: Uint8Array | undefined, type: number): Uint8Array | undefined =>
  data && attributes(data).get(type);
const be32 = (data: Uint8Array | undefined): number => (data ? viewOf(data).getInt32(0) : Number.NaN);
