import { invalid } from "../base/errors.ts";

/** IPv4 addresses and ranges as unsigned 32-bit numbers. */
export interface Subnet {
  /** The first address, the network's own. */
  readonly network: number;
  readonly prefix: number;
}

const QUAD = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/;

/** `172.17.0.2` as a number; undefined when it is no IPv4 address. */
export function parseAddress(text: string): number | undefined {
  const parts = QUAD.exec(text)?.slice(1).map(Number);
  if (!parts || parts.some((part) => part > 255)) return undefined;
  return parts.reduce((all, part) => all * 256 + part, 0);
}

export const formatAddress = (address: number): string =>
  [address >>> 24, (address >>> 16) & 255, (address >>> 8) & 255, address & 255].join(".");

/** `172.17.0.1/16` to its address and the subnet around it. Throws `invalid`. */
export function parseCidr(text: string): { address: number; subnet: Subnet } {
  const [before = "", after = ""] = text.split("/");
  const address = parseAddress(before);
  const prefix = Number(after);
  if (address === undefined || !/^\d{1,2}$/.test(after) || prefix > 32)
    throw invalid(`invalid CIDR address: ${text}`);
  return { address, subnet: subnetOf(address, prefix) };
}

export const formatSubnet = (subnet: Subnet): string => `${formatAddress(subnet.network)}/${subnet.prefix}`;

export const subnetOf = (address: number, prefix: number): Subnet => ({
  network: prefix === 0 ? 0 : (address & (0xffffffff << (32 - prefix))) >>> 0,
  prefix,
});

/** The last address, the broadcast address. */
export const lastOf = (subnet: Subnet): number => subnet.network + 2 ** (32 - subnet.prefix) - 1;

export const contains = (subnet: Subnet, address: number): boolean =>
  address >= subnet.network && address <= lastOf(subnet);

export const overlap = (a: Subnet, b: Subnet): boolean => contains(a, b.network) || contains(b, a.network);

/** Docker's default address pools: 172.17.0.0/16 to 172.31.0.0/16, then 192.168.0.0/16 in steps of /20. */
export function* defaultPools(): Generator<Subnet> {
  for (let second = 17; second <= 31; second++) yield parseCidr(`172.${second}.0.0/16`).subnet;
  for (let third = 0; third < 256; third += 16) yield parseCidr(`192.168.${third}.0/20`).subnet;
}

/** The first default pool that overlaps none of the routes. Throws `invalid` in Docker's words when there is none. */
export function freePool(routes: readonly Subnet[]): Subnet {
  const found = defaultPools().find((pool) => !routes.some((route) => overlap(pool, route)));
  if (!found) throw invalid("all predefined address pools have been fully subnetted");
  return found;
}
