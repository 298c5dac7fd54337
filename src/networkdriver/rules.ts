import type { Chain, Element, NftMap } from "../sys/iptables.ts";
import {
  accept,
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

/** What our table holds, as a table: chains, maps, and rules with their reasons. */

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

export const CHAINS: readonly Chain[] = [
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
export const PORTS: NftMap = { name: "ports", key: { type: PORT_TYPE, size: 8 }, value: TARGET };
export const PORTS_AT: NftMap = {
  name: "ports_at",
  key: { type: (7 << 12) | PORT_TYPE, size: 12 },
  value: TARGET,
};
const PROTO = { tcp: 6, udp: 17, sctp: 132 } as const;

const LOOPBACK = { address: new Uint8Array([127, 0, 0, 0]), prefix: 8 };
const REPLIES = CT_STATE.established | CT_STATE.related;

/** A rule and the reason for it. */
export interface Rule {
  readonly chain: string;
  readonly why: string;
  readonly match: readonly Expression[];
}

export const COMMON: readonly Rule[] = [
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
export function rulesOf({ bridge, subnet, masquerade: masked, icc }: Ruled): Rule[] {
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

/** IPv6 addresses of the host are served by the proxy: the containers have IPv4 only. */
export const isLed = ({ hostIp }: PublishedPort): boolean => parseAddress(hostIp) !== undefined;

export const mapOf = ({ hostIp }: PublishedPort): NftMap => (hostIp === "0.0.0.0" ? PORTS : PORTS_AT);

/** A published port as an element of its map. Registers are 32 bits wide; what is shorter stands at their beginning. */
export function elementOf(target: Target): Element {
  const port = [PROTO[target.proto], 0, 0, 0, target.hostPort >> 8, target.hostPort & 255, 0, 0];
  const { containerPort } = target;
  return {
    key: new Uint8Array(target.hostIp === "0.0.0.0" ? port : [...quad(target.hostIp), ...port]),
    value: new Uint8Array([...quad(target.address), containerPort >> 8, containerPort & 255, 0, 0]),
  };
}

const quad = (address: string): Uint8Array => ipBytes(parseAddress(address)!);
