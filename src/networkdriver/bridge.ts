import { closeSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { EngineError, internal, invalid, messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { Rtnetlink } from "../sys/rtnetlink.ts";
import type {
  Attachment,
  EndpointRecord,
  JoinRequest,
  NetworkDriver,
  NetworkFacts,
  PublishedPort,
} from "./driver.ts";
import { Firewall } from "./firewall.ts";
import { HostBridge, type HostBridgeOptions, newLinkName, randomMac } from "./host_bridge.ts";
import { IpAllocator } from "./ipallocator.ts";
import type { Namespaces } from "./namespaces.ts";
import { PortMapper } from "./portmapper.ts";
import { Ready } from "./ready.ts";
import type { Target } from "./rules.ts";
import { contains, formatAddress, formatSubnet, parseAddress, parseCidr } from "./subnet.ts";

/** dockerd's flags of the default bridge. */
export interface BridgeOptions extends HostBridgeOptions {
  /** The part of the subnet that containers get. */
  readonly fixedCidr?: string;
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
  #made: HostBridge | undefined;
  #addresses: IpAllocator | undefined;
  #watch: Timer | undefined;

  constructor(options: BridgeOptions, namespaces: Namespaces, log: Log) {
    this.#options = options;
    this.#namespaces = namespaces;
    this.#log = log;
    const table = options.name === "bunker0" ? "bunker" : `bunker-${options.name}`;
    this.#firewall = options.iptables ? new Firewall(table, log) : undefined;
    this.#ports = new PortMapper({
      hostIp: options.hostIp,
      proxy: options.userlandProxy,
      led: options.iptables,
    });
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
      subnet: formatSubnet(this.#bridge.subnet),
      gateway: formatAddress(this.#bridge.gateway),
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
    if (this.#made) return;
    this.#made = new HostBridge(this.#options, this.#links);
    this.#addresses = this.#allocator();
    if (this.#firewall) sysctl(`ipv4/conf/${this.#options.name}/route_localnet`, "1");
    if (this.#options.ipForward && sysctl("ipv4/ip_forward", "1"))
      this.#log.info("turned net.ipv4.ip_forward on: containers need the host to forward");
  }

  async restore(endpoints: readonly EndpointRecord[]): Promise<void> {
    const targets: Target[] = [];
    for (const { name, address, ports } of endpoints) {
      if (address === undefined) continue;
      const number = parseAddress(address)!;
      if (contains(this.#bridge.subnet, number)) this.#addresses!.take(number);
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
    this.#bridge.sweep(new Set(endpoints.flatMap(({ link }) => link ?? [])), this.#log);
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
        prefix: this.#bridge.subnet.prefix,
        gateway: formatAddress(this.#bridge.gateway),
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
    if (!inUse && this.#made) {
      this.#firewall?.remove(this.#made.name);
      this.#made.remove();
    }
    this.#made?.release();
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
    const link = newLinkName();
    const { mtu, icc } = this.#options;
    const isolated = !icc && !filtersBridged();
    const place = { bridge: this.#bridge.index, link, mac, mtu, address, prefix: this.#bridge.subnet.prefix };
    try {
      const netns = await this.#namespaces.make({
        place: { ...place, gateway: this.#bridge.gateway, isolated },
      });
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

  /** Known from `init` on. */
  get #bridge(): HostBridge {
    if (!this.#made) throw new EngineError("unavailable", "the network bridge is not ready yet");
    return this.#made;
  }

  #allocator(): IpAllocator {
    const range = this.#options.fixedCidr ? parseCidr(this.#options.fixedCidr).subnet : this.#bridge.subnet;
    if (!contains(this.#bridge.subnet, range.network) || range.prefix < this.#bridge.subnet.prefix)
      throw invalid(
        `--fixed-cidr ${formatSubnet(range)} is not within the bridge's subnet ${formatSubnet(this.#bridge.subnet)}`,
      );
    const allocator = new IpAllocator(this.#bridge.subnet, range);
    allocator.take(this.#bridge.gateway);
    return allocator;
  }

  #ruled() {
    const { name, icc, ipMasq } = this.#options;
    return { bridge: name, subnet: this.#bridge.subnet, masquerade: ipMasq, icc };
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
