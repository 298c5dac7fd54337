import { randomBytes } from "node:crypto";
import { conflict, invalid } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Link, Rtnetlink } from "../sys/rtnetlink.ts";
import { freePool, parseCidr, type Subnet, subnetOf } from "./subnet.ts";

export interface HostBridgeOptions {
  readonly name: string;
  /** The bridge is the host's (`--bridge NAME`): it must exist, and it is never removed. */
  readonly foreign: boolean;
  /** Its address, `172.17.0.1/16`; none: the one it has, or the first free one of Docker's pools. */
  readonly bip?: string;
  readonly mtu: number;
}

/** How our ends of the pairs are called: `bnk` and 12 hex digits, the 15 signs that a name may have. */
const PREFIX = "bnk";
/** By this alias a bridge is known as one that a daemon of ours made, and may remove. */
const ALIAS = "bunker";
/** A link that a dead container left goes by itself, with its namespace; what is there after this is swept. milliseconds */
const GRACE = 1000;

/** The bridge as a link of the host, with its address. */
export class HostBridge {
  readonly index: number;
  readonly name: string;
  readonly gateway: number;
  readonly subnet: Subnet;
  readonly #links: Rtnetlink;
  readonly #claim: Bun.UnixSocketListener<undefined>;

  /** Finds or makes it. Throws `invalid` or `conflict` when the name is another's. Done twice, nothing changes. */
  constructor(options: HostBridgeOptions, links: Rtnetlink) {
    this.#links = links;
    this.name = options.name;
    this.#claim = claim(options.name);
    try {
      const link = findOrMake(options, links);
      this.index = link.index;
      const { address, subnet } = placeOf(link, options, links);
      this.gateway = address;
      this.subnet = subnet;
      setAddress(this, options.foreign, links);
      if (!options.foreign && link.mtu !== options.mtu) links.setMtu(link.index, options.mtu);
      if (!link.up) links.setUp(link.index);
    } catch (error) {
      this.#claim.stop(true);
      throw error;
    }
  }

  /** Removes, after a while, links of ours on this bridge that are not `kept`. */
  sweep(kept: ReadonlySet<string>, log: Log): void {
    const stale = new Set(this.#strays(kept).map(({ index }) => index));
    if (stale.size === 0) return;
    const timer = setTimeout(() => {
      for (const { index, name } of this.#strays(kept).filter((link) => stale.has(link.index))) {
        log.info("a link without a container is removed", { link: name });
        this.#links.deleteLink(index);
      }
    }, GRACE);
    timer.unref();
  }

  /** Takes it away if a daemon of ours made it. */
  remove(): void {
    if (this.#links.link(this.name)?.alias === ALIAS) this.#links.deleteLink(this.index);
  }

  /** Another daemon may have it from now on. */
  release(): void {
    this.#claim.stop(true);
  }

  #strays(kept: ReadonlySet<string>): Link[] {
    const ours = ({ name, master }: Link): boolean => name.startsWith(PREFIX) && master === this.index;
    return this.#links.links().filter((link) => ours(link) && !kept.has(link.name));
  }
}

/** A name for the host's end of a pair. */
export const newLinkName = (): string => PREFIX + randomBytes(6).toString("hex");

/** Random, unicast, locally administered, as Docker 28 gives them. */
export function randomMac(): string {
  const bytes = randomBytes(6);
  bytes[0] = (bytes[0]! & 0xfc) | 0x02;
  return bytes.toString("hex").replace(/..(?=.)/g, "$&:");
}

/** One daemon a bridge: an abstract socket (unix(7)) belongs to the network namespace, and goes with its process. */
function claim(bridge: string): Bun.UnixSocketListener<undefined> {
  try {
    const listener = Bun.listen({ unix: `\0bunker-bridge-${bridge}`, socket: { data() {} } });
    listener.unref();
    return listener;
  } catch (error) {
    throw conflict(`bridge ${bridge} belongs to another daemon: choose another one by --bridge-name`, error);
  }
}

function findOrMake({ name, foreign, mtu }: HostBridgeOptions, links: Rtnetlink): Link {
  if (name.length > 15) throw invalid(`invalid bridge name ${name}: a link's name has at most 15 characters`);
  const found = links.link(name);
  if (found && found.kind !== "bridge") throw invalid(`existing interface ${name} is not a bridge`);
  if (found) return found;
  if (foreign) throw invalid(`bridge device with non default name ${name} must be created manually`);
  links.addBridge(name, randomMac(), mtu);
  const made = links.link(name)!;
  links.setAlias(made.index, ALIAS);
  return made;
}

/** The address asked for, the one it has, or the first of a free pool. */
function placeOf(
  bridge: Link,
  { bip }: HostBridgeOptions,
  links: Rtnetlink,
): { address: number; subnet: Subnet } {
  if (bip) return parseCidr(bip);
  const has = links.addresses().find(({ link }) => link === bridge.index);
  if (has) return { address: has.address, subnet: subnetOf(has.address, has.prefix) };
  const others = links.routes().filter(({ link, prefix }) => link !== bridge.index && prefix > 0);
  const subnet = freePool(others.map(({ destination, prefix }) => ({ network: destination, prefix })));
  return { address: subnet.network + 1, subnet };
}

function setAddress({ index, gateway, subnet }: HostBridge, foreign: boolean, links: Rtnetlink): void {
  const has = links.addresses().filter(({ link }) => link === index);
  if (has.some(({ address, prefix }) => address === gateway && prefix === subnet.prefix)) return;
  if (!foreign) for (const one of has) links.deleteAddress(one);
  links.addAddress(index, gateway, subnet.prefix);
}
