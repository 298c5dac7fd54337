import { conflict, internal } from "../base/errors.ts";
import { contains, formatAddress, lastOf, type Subnet } from "./subnet.ts";

/** The addresses of one subnet: never the same one twice at a time, and the longest unused first (next fit). */
export class IpAllocator {
  readonly #subnet: Subnet;
  readonly #first: number;
  readonly #last: number;
  readonly #used = new Set<number>();
  #cursor: number;

  /** `range` is the part of the subnet that is given out. The network's own and the broadcast address never are. */
  constructor(subnet: Subnet, range: Subnet = subnet) {
    this.#subnet = subnet;
    const wide = subnet.prefix < 31;
    this.#first = Math.max(range.network, subnet.network + (wide ? 1 : 0));
    this.#last = Math.min(lastOf(range), lastOf(subnet) - (wide ? 1 : 0));
    this.#cursor = this.#first - 1;
  }

  /** Any free address. Throws `internal` in Docker's words when there is none. */
  next(network: string): number {
    const count = this.#last - this.#first + 1;
    for (let step = 0; step < count; step++) {
      this.#cursor = this.#cursor >= this.#last ? this.#first : this.#cursor + 1;
      if (this.#used.has(this.#cursor)) continue;
      this.#used.add(this.#cursor);
      return this.#cursor;
    }
    throw internal(`no available IPv4 addresses on this network's address pools: ${network}`);
  }

  /** This very address: a gateway, or that of a container that still runs. Throws `conflict` when it is in use. */
  take(address: number): void {
    if (this.#used.has(address) || !contains(this.#subnet, address))
      throw conflict(`Address already in use: ${formatAddress(address)}`);
    this.#used.add(address);
    if (address >= this.#first && address <= this.#last) this.#cursor = Math.max(this.#cursor, address);
  }

  /** Gives it back; no error when it was free. */
  free(address: number): void {
    this.#used.delete(address);
  }
}
