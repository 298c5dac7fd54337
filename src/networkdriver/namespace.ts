import { closeSync } from "node:fs";
import { SyscallError } from "../sys/errors.ts";
import { newNetns, sysctlIn } from "../sys/netns.ts";
import { Rtnetlink } from "../sys/rtnetlink.ts";

/** A network namespace as it shall be: `lo` up and, with a place, `eth0` on a bridge. Everything is decided here. */
export interface NamespaceRequest {
  readonly place?: {
    /** The bridge's index. */
    readonly bridge: number;
    /** The name of the host's end of the pair. */
    readonly link: string;
    readonly mac: string;
    readonly mtu: number;
    /** IPv4 as numbers. */
    readonly address: number;
    readonly prefix: number;
    readonly gateway: number;
    /** No frames to other such ports of the bridge. */
    readonly isolated: boolean;
  };
}

const LO = 1;

/**
 * Makes the namespace and answers an open descriptor of it; on error nothing is left. Some 1.5 ms, and tens while the
 * kernel takes another namespace apart (both want the rtnl lock): not in the daemon's main thread.
 */
export function makeNamespace({ place }: NamespaceRequest, links: Rtnetlink): number {
  const { netns, route } = newNetns();
  const inside = new Rtnetlink(route);
  try {
    inside.setUp(LO);
    if (place) connect(place, netns, inside, links);
    return netns;
  } catch (error) {
    closeSync(netns);
    throw error;
  } finally {
    inside.close();
  }
}

type Place = NonNullable<NamespaceRequest["place"]>;

function connect(place: Place, netns: number, inside: Rtnetlink, links: Rtnetlink): void {
  const { bridge, link, mac, mtu, address, prefix, gateway, isolated } = place;
  links.addVeth({ name: link, mtu, master: bridge, peer: { name: "eth0", mac, netns } });
  links.setPort(link, { hairpin: true, isolated });
  const eth0 = inside.link("eth0")!.index;
  withoutIpv6(netns);
  inside.addAddress(eth0, address, prefix);
  inside.setUp(eth0);
  inside.addDefaultRoute(eth0, gateway);
  links.setNeighbour(bridge, address, mac); // what the host knew of the address's last owner is wrong
}

/** As Docker does for an endpoint without IPv6; a kernel without IPv6 has no such file. */
function withoutIpv6(netns: number): void {
  try {
    sysctlIn(netns, "ipv6/conf/eth0/disable_ipv6", "1");
  } catch (error) {
    if (!(error instanceof SyscallError) || error.code !== "ENOENT") throw error;
  }
}
