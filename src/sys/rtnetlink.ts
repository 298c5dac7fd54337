import { NETLINK_ROUTE, Netlink } from "./netlink.ts";
import {
  attributes,
  Message,
  NLM_F_ACK,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_EXCL,
  NLM_F_REPLACE,
  textOf,
  u32Of,
  viewOf,
} from "./nlmsg.ts";

/** Links, addresses, routes of one network namespace. Source: rtnetlink(7), linux/if_link.h, linux/rtnetlink.h. */

const AF_INET = 2;
const RTM = {
  NEWLINK: 16,
  DELLINK: 17,
  GETLINK: 18,
  SETLINK: 19,
  NEWADDR: 20,
  DELADDR: 21,
  GETADDR: 22,
  NEWROUTE: 24,
  GETROUTE: 26,
  NEWNEIGH: 28,
} as const;
const IFLA = {
  ADDRESS: 1,
  IFNAME: 3,
  MTU: 4,
  MASTER: 10,
  LINKINFO: 18,
  IFALIAS: 20,
  NET_NS_FD: 28,
} as const;
const INFO_KIND = 1;
const INFO_DATA = 2;
const INFO_SLAVE_KIND = 4;
const INFO_SLAVE_DATA = 5;
const VETH_INFO_PEER = 1;
const BRPORT_MODE = 4;
const BRPORT_ISOLATED = 33;
const IFA = { ADDRESS: 1, LOCAL: 2, BROADCAST: 4 } as const;
const RTA = { DST: 1, OIF: 4, GATEWAY: 5, TABLE: 15 } as const;
const NDA = { DST: 1, LLADDR: 2 } as const;
const NUD_REACHABLE = 2;
const RT_TABLE_MAIN = 254;
const RTPROT_BOOT = 3;
const RTN_UNICAST = 1;
const IFF_UP = 1;
const EXISTS_NOT = NLM_F_CREATE | NLM_F_EXCL;

export interface Link {
  readonly index: number;
  readonly name: string;
  readonly up: boolean;
  /** The index of the bridge that it is a port of; 0: none. */
  readonly master: number;
  /** `02:42:…` */
  readonly mac: string;
  readonly mtu: number;
  /** A note that whoever made the link left on it. */
  readonly alias: string;
  /** `bridge`, `veth`; empty for a real device. */
  readonly kind: string;
}

export interface Address {
  readonly link: number;
  /** IPv4 as a number. */
  readonly address: number;
  readonly prefix: number;
}

export interface Route {
  readonly link: number;
  /** IPv4 as a number; 0/0 is the default route. */
  readonly destination: number;
  readonly prefix: number;
}

export interface VethRequest {
  readonly name: string;
  readonly mac?: string;
  readonly mtu: number;
  /** The bridge's index. */
  readonly master: number;
  readonly peer: { readonly name: string; readonly mac: string; readonly netns: number };
}

export class Rtnetlink {
  readonly #socket: Netlink;

  /** Speaks to our own namespace, or over a socket that lives in another one. */
  constructor(fd?: number) {
    this.#socket = new Netlink(NETLINK_ROUTE, fd);
  }

  close(): void {
    this.#socket.close();
  }

  /** Makes a bridge, down and without addresses. EEXIST: the name is taken. */
  addBridge(name: string, mac: string, mtu: number): void {
    const message = this.#link(RTM.NEWLINK, NLM_F_ACK | EXISTS_NOT)
      .text(IFLA.IFNAME, name)
      .raw(IFLA.ADDRESS, macBytes(mac))
      .u32(IFLA.MTU, mtu)
      .nest(IFLA.LINKINFO, (m) => m.text(INFO_KIND, "bridge"));
    this.#socket.request(`add bridge ${name}`, message);
  }

  /**
   * Makes a pair in one message: our end up and a port of the bridge, the peer already in the container's namespace.
   * The peer stays down: taking it up here gives ENOTCONN.
   */
  addVeth(veth: VethRequest): void {
    const peer = ifinfomsg(0, 0, 0);
    const message = this.#link(RTM.NEWLINK, NLM_F_ACK | EXISTS_NOT, { flags: IFF_UP, change: IFF_UP })
      .text(IFLA.IFNAME, veth.name)
      .u32(IFLA.MTU, veth.mtu)
      .u32(IFLA.MASTER, veth.master);
    if (veth.mac) message.raw(IFLA.ADDRESS, macBytes(veth.mac));
    message.nest(IFLA.LINKINFO, (info) =>
      info
        .text(INFO_KIND, "veth")
        .nest(INFO_DATA, (data) =>
          data.nest(VETH_INFO_PEER, (end) =>
            end
              .struct(peer)
              .text(IFLA.IFNAME, veth.peer.name)
              .raw(IFLA.ADDRESS, macBytes(veth.peer.mac))
              .u32(IFLA.MTU, veth.mtu)
              .u32(IFLA.NET_NS_FD, veth.peer.netns),
          ),
        ),
    );
    this.#socket.request(`add veth ${veth.name}`, message);
  }

  /** Hairpin: frames may leave by the port they came in by. Isolated: no frames between two such ports. */
  setPort(name: string, port: { hairpin: boolean; isolated: boolean }): void {
    const message = this.#link(RTM.NEWLINK, NLM_F_ACK)
      .text(IFLA.IFNAME, name)
      .nest(IFLA.LINKINFO, (info) =>
        info
          .text(INFO_SLAVE_KIND, "bridge")
          .nest(INFO_SLAVE_DATA, (m) =>
            m.u8(BRPORT_MODE, Number(port.hairpin)).u8(BRPORT_ISOLATED, Number(port.isolated)),
          ),
      );
    this.#socket.request(`set bridge port ${name}`, message);
  }

  setUp(index: number): void {
    const message = this.#link(RTM.SETLINK, NLM_F_ACK, { index, flags: IFF_UP, change: IFF_UP });
    this.#socket.request(`set link ${index} up`, message);
  }

  setAlias(index: number, alias: string): void {
    const message = this.#link(RTM.SETLINK, NLM_F_ACK, { index }).text(IFLA.IFALIAS, alias);
    this.#socket.request(`set alias of link ${index}`, message);
  }

  setMtu(index: number, mtu: number): void {
    this.#socket.request(
      `set link ${index} mtu ${mtu}`,
      this.#link(RTM.SETLINK, NLM_F_ACK, { index }).u32(IFLA.MTU, mtu),
    );
  }

  /** Takes 26 to 34 ms (it waits for RCU): never in a request. ENODEV: it is gone already. */
  deleteLink(index: number): void {
    this.#socket.request(`delete link ${index}`, this.#link(RTM.DELLINK, NLM_F_ACK, { index }));
  }

  link(name: string): Link | undefined {
    const found = this.#socket.get(
      `get link ${name}`,
      this.#link(RTM.GETLINK, NLM_F_ACK).text(IFLA.IFNAME, name),
    );
    return found && linkOf(found.body);
  }

  links(): Link[] {
    return this.#socket
      .dump("list links", this.#link(RTM.GETLINK, NLM_F_DUMP))
      .map((found) => linkOf(found.body));
  }

  /** Adds an IPv4 address with its broadcast address. EEXIST: the link has it. */
  addAddress(index: number, address: number, prefix: number): void {
    const hosts = prefix < 32 ? 0xffffffff >>> prefix : 0;
    const message = ifaddrmsg(RTM.NEWADDR, NLM_F_ACK | EXISTS_NOT, index, prefix)
      .raw(IFA.LOCAL, ipBytes(address))
      .raw(IFA.ADDRESS, ipBytes(address))
      .raw(IFA.BROADCAST, ipBytes((address | hosts) >>> 0));
    this.#socket.request(`add address to link ${index}`, message);
  }

  deleteAddress(address: Address): void {
    const message = ifaddrmsg(RTM.DELADDR, NLM_F_ACK, address.link, address.prefix).raw(
      IFA.LOCAL,
      ipBytes(address.address),
    );
    this.#socket.request(`delete address of link ${address.link}`, message);
  }

  addresses(): Address[] {
    const all = this.#socket.dump("list addresses", ifaddrmsg(RTM.GETADDR, NLM_F_DUMP, 0, 0));
    return all.flatMap(({ body }) => {
      const found = attributes(body, 8);
      const local = found.get(IFA.LOCAL) ?? found.get(IFA.ADDRESS);
      if (body[0] !== AF_INET || !local) return [];
      return [
        { link: viewOf(body).getUint32(4, true), prefix: body[1]!, address: viewOf(local).getUint32(0) },
      ];
    });
  }

  /** The default route by a gateway. */
  addDefaultRoute(index: number, gateway: number): void {
    const message = rtmsg(RTM.NEWROUTE, NLM_F_ACK | EXISTS_NOT)
      .raw(RTA.GATEWAY, ipBytes(gateway))
      .u32(RTA.OIF, index);
    this.#socket.request("add default route", message);
  }

  /** IPv4 routes of the main table. */
  routes(): Route[] {
    const all = this.#socket.dump("list routes", rtmsg(RTM.GETROUTE, NLM_F_DUMP));
    return all.flatMap(({ body }) => {
      const found = attributes(body, 12);
      const table = found.has(RTA.TABLE) ? u32Of(found.get(RTA.TABLE)) : body[4];
      if (body[0] !== AF_INET || table !== RT_TABLE_MAIN || body[7] !== RTN_UNICAST) return [];
      const destination = found.get(RTA.DST);
      return [
        {
          link: u32Of(found.get(RTA.OIF)),
          prefix: body[1]!,
          destination: destination ? viewOf(destination).getUint32(0) : 0,
        },
      ];
    });
  }

  /** Tells our neighbour table where an address is now, whatever it knew before. */
  setNeighbour(index: number, address: number, mac: string): void {
    const header = new Uint8Array(12);
    header[0] = AF_INET;
    viewOf(header).setInt32(4, index, true);
    viewOf(header).setUint16(8, NUD_REACHABLE, true);
    const message = new Message(RTM.NEWNEIGH, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE)
      .struct(header)
      .raw(NDA.DST, ipBytes(address))
      .raw(NDA.LLADDR, macBytes(mac));
    this.#socket.request("set neighbour", message);
  }

  #link(type: number, flags: number, of: { index?: number; flags?: number; change?: number } = {}): Message {
    return new Message(type, flags).struct(ifinfomsg(of.index ?? 0, of.flags ?? 0, of.change ?? 0));
  }
}

function ifinfomsg(index: number, flags: number, change: number): Uint8Array {
  const header = new Uint8Array(16);
  const view = viewOf(header);
  view.setInt32(4, index, true);
  view.setUint32(8, flags, true);
  view.setUint32(12, change, true);
  return header;
}

function ifaddrmsg(type: number, flags: number, index: number, prefix: number): Message {
  const header = new Uint8Array([AF_INET, prefix, 0, 0, 0, 0, 0, 0]);
  viewOf(header).setUint32(4, index, true);
  return new Message(type, flags).struct(header);
}

const rtmsg = (type: number, flags: number): Message =>
  new Message(type, flags).struct(
    new Uint8Array([AF_INET, 0, 0, 0, RT_TABLE_MAIN, RTPROT_BOOT, 0, RTN_UNICAST, 0, 0, 0, 0]),
  );

function linkOf(body: Uint8Array): Link {
  const view = viewOf(body);
  const found = attributes(body, 16);
  const info = found.get(IFLA.LINKINFO);
  return {
    index: view.getInt32(4, true),
    name: textOf(found.get(IFLA.IFNAME)),
    up: (view.getUint32(8, true) & IFF_UP) !== 0,
    master: u32Of(found.get(IFLA.MASTER)),
    mac: [...(found.get(IFLA.ADDRESS) ?? [])].map((byte) => byte.toString(16).padStart(2, "0")).join(":"),
    mtu: u32Of(found.get(IFLA.MTU)),
    alias: textOf(found.get(IFLA.IFALIAS)),
    kind: info ? textOf(attributes(info).get(INFO_KIND)) : "",
  };
}

/** An IPv4 address, a number, in the network's order. */
export function ipBytes(address: number): Uint8Array {
  return new Uint8Array([address >>> 24, (address >>> 16) & 255, (address >>> 8) & 255, address & 255]);
}

const macBytes = (mac: string): Uint8Array =>
  Uint8Array.from(mac.split(":"), (part) => Number.parseInt(part, 16));
