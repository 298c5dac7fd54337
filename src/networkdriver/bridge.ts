import { randomBytes } from "node:crypto";
import { closeSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { EngineError, internal, invalid, messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { type Link, Rtnetlink } from "../sys/rtnetlink.ts";
import type {
  Attachment,
  EndpointRecord,
  JoinRequest,
  NetworkDriver,
  NetworkFacts,
  PublishedPort,
} from "./driver.ts";
import { Firewall, type Target } from "./firewall.ts";
import { IpAllocator } from "./ipallocator.ts";
import type { Namespaces } from "./namespaces.ts";
import { PortMapper } from "./portmapper.ts";
import { Ready } from "./ready.ts";
import {
  contains,
  formatAddress,
  formatSubnet,
  freePool,
  parseAddress,
  parseCidr,
  type Subnet,
  subnetOf,
} from "./subnet.ts";

/** dockerd's flags of the default bridge. */
export interface BridgeOptions {
  readonly name: string;
  /** The bridge is the host's (`--bridge NAME`): it must exist, and it is never removed. */
  readonly foreign: boolean;
  /** Its address, `172.17.0.1/16`; none: the one it has, or the first free one of Docker's pools. */
  readonly bip?: string;
  /** The part of the subnet that containers get. */
  readonly fixedCidr?: string;
  readonly mtu: number;
  readonly icc: boolean;
  readonly ipMasq: boolean;
  readonly ipForward: boolean;
  readonly iptables: boolean;
  readonly userlandProxy: boolean;
  /** Where published ports listen that name no address. */
  readonly hostIp: string;
  /** Namespaces kept ready. */
  readonly ready: number;
}

/** How our ends of the pairs are called: `bnk` and 12 hex digits, the 15 signs that a name may have. */
const PREFIX = "bnk";
/** A link that a dead container left goes by itself, with its namespace; what is there after this is swept. milliseconds */
const GRACE = 1000;
/** How often we look whether somebody flushed the firewall or put a drop policy over it. milliseconds */
const WATCH = 30_000;

/** A namespace that is ready to run in, and its place on the bridge. */
interface Slot {
  readonly netns: number;
  readonly link: string;
  readonly mac: string;
  readonly address: number;
}

/** Docker's default network: a bridge of the host, a pair of links for each container, ports by DNAT. */
export class BridgeDriver implements NetworkDriver {
  readonly network = "bridge";
  readonly type = "bridge";
  readonly #options: BridgeOptions;
  readonly #namespaces: Namespaces;
  readonly #log: Log;
  readonly #links = new Rtnetlink();
  readonly #ready: Ready<Slot>;
  readonly #ports: PortMapper;
  readonly #firewall: Firewall | undefined;
  #bridge: Link | undefined;
  #subnet: Subnet = { network: 0, prefix: 0 };
  #gateway = 0;
  #addresses: IpAllocator | undefined;
  #watch: Timer | undefined;

  constructor(options: BridgeOptions, namespaces: Namespaces, log: Log) {
    this.#options = options;
    this.#namespaces = namespaces;
    this.#log = log;
    const table = options.name === "bunker0" ? "bunker" : `bunker-${options.name}`;
    this.#firewall = options.iptables ? new Firewall(table, log) : undefined;
    this.#ports = new PortMapper({ hostIp: options.hostIp, proxy: options.userlandProxy });
    this.#ready = new Ready(
      options.ready,
      () => this.#prepare(),
      ({ address }) => this.#addresses?.free(address),
    );
  }

  get facts(): NetworkFacts {
    const { name, icc, ipMasq, hostIp, mtu, fixedCidr } = this.#options;
    const prefix = "com.docker.network.bridge";
    return {
      subnet: formatSubnet(this.#subnet),
      gateway: formatAddress(this.#gateway),
      range: fixedCidr,
      options: {
        [`${prefix}.default_bridge`]: "true",
        [`${prefix}.enable_icc`]: String(icc),
        [`${prefix}.enable_ip_masquerade`]: String(ipMasq),
        [`${prefix}.host_binding_ipv4`]: hostIp,
        [`${prefix}.name`]: name,
        "com.docker.network.driver.mtu": String(mtu),
      },
    };
  }

  async init(): Promise<void> {
    const { name, mtu, ipForward } = this.#options;
    const bridge = this.#findOrMake();
    this.#bridge = bridge;
    const { address, subnet } = this.#place(bridge);
    this.#gateway = address;
    this.#subnet = subnet;
    this.#addresses = this.#allocator();
    this.#address(bridge);
    if (!this.#options.foreign && bridge.mtu !== mtu) this.#links.setMtu(bridge.index, mtu);
    if (!bridge.up) this.#links.setUp(bridge.index);
    if (this.#firewall) sysctl(`ipv4/conf/${name}/route_localnet`, "1");
    if (ipForward && sysctl("ipv4/ip_forward", "1"))
      this.#log.info("turned net.ipv4.ip_forward on: containers need the host to forward");
  }

  async restore(endpoints: readonly EndpointRecord[]): Promise<void> {
    const targets: Target[] = [];
    for (const { name, address, ports } of endpoints) {
      if (address === undefined) continue;
      const number = parseAddress(address)!;
      if (contains(this.#subnet, number)) this.#addresses!.take(number);
      else
        this.#log.warn("a container is outside of the bridge's new subnet: restart it", {
          container: name,
          address,
        });
      targets.push(...ports.map((port) => ({ ...port, address })));
      for (const lost of this.#ports.hold(ports, address))
        this.#log.warn("a published port is held by another process", {
          container: name,
          port: lost.hostPort,
        });
    }
    this.#firewall?.install(this.#ruled(), targets);
    this.#sweep(new Set(endpoints.flatMap(({ link }) => link ?? [])));
    this.#watch = setInterval(() => this.check(), WATCH);
    this.#watch.unref();
    this.#ready.open();
  }

  async join(request: JoinRequest): Promise<Attachment> {
    if (!this.#watch) throw new EngineError("unavailable", "the network bridge is not ready yet");
    const slot = await (request.mac ? this.#prepare(request.mac) : this.#ready.take());
    try {
      const address = formatAddress(slot.address);
      const ports = this.#publish(request, address);
      const { link, mac, netns } = slot;
      const { id, network, container, name, sandbox } = request;
      const place = {
        link,
        mac,
        address,
        prefix: this.#subnet.prefix,
        gateway: formatAddress(this.#gateway),
      };
      return { endpoint: { id, network, container, name, sandbox, ...place, ports }, netns };
    } catch (error) {
      if (request.mac) this.#unmake(slot);
      else this.#ready.giveBack(slot);
      const prefix = `driver failed programming external connectivity on endpoint ${request.name} (${request.id}): `;
      throw internal(prefix + messageOf(error), error);
    }
  }

  async leave(endpoint: EndpointRecord): Promise<void> {
    this.#unpublish(endpoint.ports);
    if (endpoint.address !== undefined) this.#addresses?.free(parseAddress(endpoint.address)!);
  }

  /** Looks after what others may have done to the firewall; done by itself twice a minute. */
  check(): void {
    this.#firewall?.check();
  }

  async close(inUse: boolean): Promise<void> {
    clearInterval(this.#watch);
    this.#watch = undefined;
    this.#ready.close();
    this.#ports.close();
    if (!inUse && this.#bridge) {
      this.#firewall?.remove(this.#bridge.name);
      if (!this.#options.foreign) this.#links.deleteLink(this.#bridge.index);
    }
    this.#firewall?.close();
    this.#links.close();
  }

  #publish(request: JoinRequest, address: string): PublishedPort[] {
    if (request.ports.length === 0) return [];
    const ports = this.#ports.map(request.ports, address);
    try {
      this.#firewall?.publish(ports.map((port) => ({ ...port, address })));
      return ports;
    } catch (error) {
      this.#ports.release(ports);
      throw error;
    }
  }

  #unpublish(ports: readonly PublishedPort[]): void {
    if (ports.length === 0) return;
    try {
      this.#firewall?.unpublish(ports);
    } finally {
      this.#ports.release(ports);
    }
  }

  /** A namespace with `eth0` on the bridge: ahead of time where possible. */
  async #prepare(mac = randomMac()): Promise<Slot> {
    const address = this.#addresses!.next(this.network);
    const link = PREFIX + randomBytes(6).toString("hex");
    const { mtu, icc } = this.#options;
    const isolated = !icc && !filtersBridged();
    const place = { bridge: this.#bridge!.index, link, mac, mtu, address, prefix: this.#subnet.prefix };
    try {
      const netns = await this.#namespaces.make({ place: { ...place, gateway: this.#gateway, isolated } });
      return { netns, link, mac, address };
    } catch (error) {
      this.#addresses!.free(address);
      throw error;
    }
  }

  #unmake({ netns, address }: Slot): void {
    closeSync(netns);
    this.#addresses?.free(address);
  }

  #findOrMake(): Link {
    const { name, foreign, mtu } = this.#options;
    if (name.length > 15)
      throw invalid(`invalid bridge name ${name}: a link's name has at most 15 characters`);
    const found = this.#links.link(name);
    if (found && found.kind !== "bridge") throw invalid(`existing interface ${name} is not a bridge`);
    if (found) return found;
    if (foreign) throw invalid(`bridge device with non default name ${name} must be created manually`);
    this.#links.addBridge(name, randomMac(), mtu);
    return this.#links.link(name)!;
  }

  /** The bridge's address: the one asked for, the one it has, or the first of a free pool. */
  #place(bridge: Link): { address: number; subnet: Subnet } {
    if (this.#options.bip) return parseCidr(this.#options.bip);
    const has = this.#links.addresses().find(({ link }) => link === bridge.index);
    if (has) return { address: has.address, subnet: subnetOf(has.address, has.prefix) };
    const others = this.#links.routes().filter(({ link, prefix }) => link !== bridge.index && prefix > 0);
    const subnet = freePool(others.map(({ destination, prefix }) => ({ network: destination, prefix })));
    return { address: subnet.network + 1, subnet };
  }

  #address(bridge: Link): void {
    const has = this.#links.addresses().filter(({ link }) => link === bridge.index);
    const { prefix } = this.#subnet;
    if (has.some((one) => one.address === this.#gateway && one.prefix === prefix)) return;
    if (!this.#options.foreign) for (const one of has) this.#links.deleteAddress(one);
    this.#links.addAddress(bridge.index, this.#gateway, prefix);
  }

  #allocator(): IpAllocator {
    const range = this.#options.fixedCidr ? parseCidr(this.#options.fixedCidr).subnet : this.#subnet;
    if (!contains(this.#subnet, range.network) || range.prefix < this.#subnet.prefix)
      throw invalid(
        `--fixed-cidr ${formatSubnet(range)} is not within the bridge's subnet ${formatSubnet(this.#subnet)}`,
      );
    const allocator = new IpAllocator(this.#subnet, range);
    allocator.take(this.#gateway);
    return allocator;
  }

  #ruled() {
    const { name, icc, ipMasq } = this.#options;
    return { bridge: name, subnet: this.#subnet, masquerade: ipMasq, icc };
  }

  /** Links of ours on our bridge that no container has any more. */
  #sweep(kept: ReadonlySet<string>): void {
    const stale = this.#strays(kept).map(({ index }) => index);
    if (stale.length === 0) return;
    const timer = setTimeout(() => {
      for (const { index, name } of this.#strays(kept).filter((link) => stale.includes(link.index))) {
        this.#log.info("a link without a container is removed", { link: name });
        this.#links.deleteLink(index);
      }
    }, GRACE);
    timer.unref();
  }

  #strays(kept: ReadonlySet<string>): Link[] {
    const ours = ({ name, master }: Link): boolean =>
      name.startsWith(PREFIX) && master === this.#bridge!.index;
    return this.#links.links().filter((link) => ours(link) && !kept.has(link.name));
  }
}

/**
 * The kernel's br_netfilter takes packets between two ports of a bridge through the firewall, whose rules then keep
 * neighbours apart where they shall be (and only they can let published ports through). Without it the ports must.
 */
function filtersBridged(): boolean {
  const path = "/proc/sys/net/bridge/bridge-nf-call-iptables";
  return existsSync(path) && readFileSync(path, "utf8").trim() === "1";
}

/** Sets `/proc/sys/net/<name>`. True: it was something else. */
function sysctl(name: string, value: string): boolean {
  const path = `/proc/sys/net/${name}`;
  if (readFileSync(path, "utf8").trim() === value) return false;
  writeFileSync(path, value);
  return true;
}

/** Random, unicast, locally administered, as Docker 28 gives them. */
function randomMac(): string {
  const bytes = randomBytes(6);
  bytes[0] = (bytes[0]! & 0xfc) | 0x02;
  return bytes.toString("hex").replace(/..(?=.)/g, "$&:");
}
