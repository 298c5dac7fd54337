import { SyscallError } from "./errors.ts";
import { NETLINK_NETFILTER, Netlink } from "./netlink.ts";
import { attributes, Message, NLM_F_ACK, NLM_F_DUMP, viewOf } from "./nlmsg.ts";

/**
 * The kernel's memory of flows, where it decided once and for all where a flow's packets go. Source:
 * linux/netfilter/nfnetlink_conntrack.h, net/netfilter/nf_conntrack_netlink.c.
 */

const SUBSYSTEM = 1;
const MSG_GET = 1;
const MSG_DELETE = 2;
const IPV4 = 2;
const CTA = { TUPLE_ORIG: 1, TUPLE_REPLY: 2, STATUS: 3, ZONE: 18, FILTER: 25 } as const;
const TUPLE = { IP: 1, PROTO: 2 } as const;
const IP_SRC = 1;
const PROTO = { NUM: 1, DST_PORT: 3 } as const;
const FILTER = { ORIG_FLAGS: 1, REPLY_FLAGS: 2 } as const;
/** What of a tuple counts when the kernel filters (Linux 5.8; older ones give all, and we filter). */
const BY = { ipSource: 1 << 0, protocol: 1 << 3, destinationPort: 1 << 5 } as const;
const IPS_DST_NAT = 0x20;
export const IPPROTO_UDP = 17;

/** Which UDP flows are meant: those that a container answers, or those to a port that are not led anywhere. */
export type Flows =
  | { readonly answeredBy: Uint8Array /* IPv4, four bytes */ }
  | { readonly toPort: number; readonly led: false };

/**
 * Makes the kernel forget UDP flows, so that the next packet of each is led anew: a client that never stops sending
 * would else be led for ever to where it was led first.
 */
export class Conntrack {
  readonly #socket = new Netlink(NETLINK_NETFILTER);

  close(): void {
    this.#socket.close();
  }

  /** The number of flows forgotten. */
  forget(flows: Flows): number {
    const asked = header(MSG_GET, NLM_F_DUMP);
    if ("answeredBy" in flows)
      filter(asked, CTA.TUPLE_REPLY, FILTER.REPLY_FLAGS, BY.ipSource, { source: flows.answeredBy });
    else
      filter(asked, CTA.TUPLE_ORIG, FILTER.ORIG_FLAGS, BY.protocol | BY.destinationPort, {
        port: flows.toPort,
      });
    const found = this.#socket.dump("list flows", asked).map(({ body }) => attributes(body, 4));
    return found.filter((flow) => isMeant(flow, flows)).filter((flow) => this.#delete(flow)).length;
  }

  #delete(flow: Map<number, Uint8Array>): boolean {
    const message = header(MSG_DELETE, NLM_F_ACK).raw(CTA.TUPLE_ORIG, flow.get(CTA.TUPLE_ORIG)!);
    const zone = flow.get(CTA.ZONE);
    if (zone) message.raw(CTA.ZONE, zone);
    try {
      this.#socket.request("delete flow", message);
      return true;
    } catch (error) {
      if (error instanceof SyscallError && error.code === "ENOENT") return false; // it ended meanwhile
      throw error;
    }
  }
}

/** version 1: the family counts */
const header = (type: number, flags: number): Message =>
  new Message((SUBSYSTEM << 8) | type, flags).struct(new Uint8Array([IPV4, 1, 0, 0]));

function filter(
  message: Message,
  tuple: number,
  where: number,
  by: number,
  of: { source?: Uint8Array; port?: number },
): void {
  message.nest(tuple, (m) => {
    const { source, port } = of;
    if (source) m.nest(TUPLE.IP, (ip) => ip.raw(IP_SRC, source));
    if (port !== undefined)
      m.nest(TUPLE.PROTO, (proto) => proto.u8(PROTO.NUM, IPPROTO_UDP).raw(PROTO.DST_PORT, bigEndian(port)));
  });
  message.nest(CTA.FILTER, (m) => m.u32(where, by));
}

function isMeant(flow: Map<number, Uint8Array>, flows: Flows): boolean {
  const original = protocolOf(flow.get(CTA.TUPLE_ORIG));
  if (original.protocol !== IPPROTO_UDP) return false;
  if ("answeredBy" in flows) {
    const answer = flow.get(CTA.TUPLE_REPLY);
    const addresses = answer && attributes(answer).get(TUPLE.IP);
    const source = addresses && attributes(addresses).get(IP_SRC);
    return source !== undefined && Buffer.from(source).equals(flows.answeredBy);
  }
  const status = flow.get(CTA.STATUS);
  const led = status !== undefined && (viewOf(status).getUint32(0) & IPS_DST_NAT) !== 0;
  return original.port === flows.toPort && !led;
}

function protocolOf(tuple: Uint8Array | undefined): { protocol: number; port: number } {
  const proto = tuple && attributes(tuple).get(TUPLE.PROTO);
  const found = proto ? attributes(proto) : new Map<number, Uint8Array>();
  const port = found.get(PROTO.DST_PORT);
  return { protocol: found.get(PROTO.NUM)?.[0] ?? 0, port: port ? viewOf(port).getUint16(0) : 0 };
}

const bigEndian = (port: number): Uint8Array => new Uint8Array([port >> 8, port & 255]);
