import { existsSync, readFileSync } from "node:fs";
import { internal } from "../base/errors.ts";
import type { PublishedPort, PublishRequest } from "./driver.ts";
import { type HeldPort, holdPort } from "./proxy.ts";

export interface PortOptions {
  /** Where ports go that name no address. `0.0.0.0` means every address, IPv6 too. */
  readonly hostIp: string;
  /** Serve what the kernel does not lead; off: ports are only held. */
  readonly proxy: boolean;
  /** The kernel leads what comes by IPv4. */
  readonly led: boolean;
}

interface Held extends PublishedPort {
  /** None: another process has taken it while no daemon was there, or nothing of ours can hold it (sctp). */
  readonly proxy?: HeldPort;
}

const ANY4 = "0.0.0.0";
const ANY6 = "::";
const ANY_PORT = /^(\d+)\s+(\d+)/;

/**
 * The ports of this host that containers have. Each is held by a socket for as long as it is published, so that neither
 * another container nor another process gets it, and what does not come by the kernel's DNAT is served all the same.
 */
export class PortMapper {
  readonly #options: PortOptions;
  readonly #held = new Map<string, Held>();
  #lastDynamic = 0;

  constructor(options: PortOptions) {
    this.#options = options;
  }

  /** Takes all of them, or none. Throws `internal` in Docker's words. */
  map(requests: readonly PublishRequest[], address: string): PublishedPort[] {
    const taken: PublishedPort[] = [];
    try {
      for (const request of requests) taken.push(...this.#take(request, address));
      return taken;
    } catch (error) {
      this.release(taken);
      throw error;
    }
  }

  /** Takes what containers had before the daemon was restarted; the ports that another process holds by now. */
  hold(ports: readonly PublishedPort[], address: string): PublishedPort[] {
    return ports.filter((port) => {
      try {
        this.#hold(port, address);
        return false;
      } catch {
        this.#held.set(nameOf(port), port);
        return true;
      }
    });
  }

  release(ports: readonly PublishedPort[]): void {
    for (const port of ports) {
      this.#held.get(nameOf(port))?.proxy?.close();
      this.#held.delete(nameOf(port));
    }
  }

  close(): void {
    this.release([...this.#held.values()]);
  }

  #take(request: PublishRequest, address: string): PublishedPort[] {
    const addresses = this.#addresses(request.hostIp);
    const { proto, containerPort } = request;
    const wishes = (hostPort: number): PublishedPort[] =>
      addresses.map((hostIp) => ({ proto, containerPort, hostIp, hostPort }));
    if (request.hostPort !== 0 && request.hostPortEnd === undefined) {
      const ports = wishes(request.hostPort);
      for (const port of [...ports].reverse()) this.#refuseTaken(port);
      return this.#holdAll(ports, address);
    }
    for (const hostPort of request.hostPort === 0
      ? this.#dynamic()
      : range(request.hostPort, request.hostPortEnd!)) {
      const ports = wishes(hostPort);
      if (ports.some((port) => this.#holder(port))) continue;
      try {
        return this.#holdAll(ports, address);
      } catch (error) {
        if ((error as { cause?: { code?: string } }).cause?.code !== "EADDRINUSE") throw error;
      }
    }
    throw internal("all ports are allocated");
  }

  /** The host addresses that a wish means: no address is all of IPv4, and all of IPv6 where a proxy can serve it. */
  #addresses(hostIp: string): string[] {
    const asked = hostIp || this.#options.hostIp;
    if (asked !== ANY4 || hostIp !== "") return [asked];
    return this.#options.proxy && hasIpv6() ? [ANY4, ANY6] : [ANY4];
  }

  #refuseTaken(port: PublishedPort): void {
    const holder = this.#holder(port);
    if (holder)
      throw internal(`Bind for ${withPort(holder.hostIp, port.hostPort)} failed: port is already allocated`);
  }

  /** Who has this port: at this address, at every one, or, when every one is wanted, at any. */
  #holder(port: PublishedPort): PublishedPort | undefined {
    const any = port.hostIp.includes(":") ? ANY6 : ANY4;
    const exact = this.#held.get(nameOf(port)) ?? this.#held.get(nameOf({ ...port, hostIp: any }));
    if (exact || port.hostIp !== any) return exact;
    return this.#held
      .values()
      .find(
        (held) =>
          held.proto === port.proto &&
          held.hostPort === port.hostPort &&
          held.hostIp.includes(":") === port.hostIp.includes(":"),
      );
  }

  #holdAll(ports: readonly PublishedPort[], address: string): PublishedPort[] {
    const done: PublishedPort[] = [];
    try {
      for (const port of ports) {
        this.#hold(port, address);
        done.push(port);
      }
      return done;
    } catch (error) {
      this.release(done);
      throw error;
    }
  }

  #hold(port: PublishedPort, address: string): void {
    const { proto, hostIp, hostPort, containerPort } = port;
    if (proto === "sctp") {
      if (hostIp.includes(":"))
        throw internal(`publishing sctp at ${hostIp} is not supported: containers have IPv4 only`);
      this.#held.set(nameOf(port), port);
      return;
    }
    const to = this.#options.proxy ? { address, port: containerPort } : undefined;
    try {
      const led = this.#options.led && !hostIp.includes(":");
      this.#held.set(nameOf(port), { ...port, proxy: holdPort({ proto, hostIp, hostPort, to, led }) });
    } catch (cause) {
      const reason = WORDS[(cause as { code?: string }).code ?? ""] ?? String(cause);
      const target = `${withPort(hostIp, hostPort, true)}:${address}:${containerPort}/${proto}`;
      throw internal(`failed to bind host port for ${target}: ${reason}`, cause);
    }
  }

  /** Every port of the kernel's range for such use, beginning behind the one given last. */
  *#dynamic(): Generator<number> {
    const found = ANY_PORT.exec(readFileSync("/proc/sys/net/ipv4/ip_local_port_range", "utf8"));
    const first = Number(found?.[1] ?? 32768);
    const last = Number(found?.[2] ?? 60999);
    const start = this.#lastDynamic >= first && this.#lastDynamic < last ? this.#lastDynamic + 1 : first;
    for (let step = 0; step <= last - first; step++) {
      this.#lastDynamic = first + ((start - first + step) % (last - first + 1));
      yield this.#lastDynamic;
    }
  }
}

const WORDS: Readonly<Record<string, string>> = {
  EADDRINUSE: "address already in use",
  EADDRNOTAVAIL: "cannot assign requested address",
  EACCES: "permission denied",
  EAFNOSUPPORT: "address family not supported by protocol",
};

const nameOf = ({ proto, hostIp, hostPort }: PublishedPort): string => `${proto}/${hostIp}/${hostPort}`;

/** Docker writes `:::80` where a container has the port and `[::]:80` where a process does. */
const withPort = (address: string, port: number, brackets = false): string =>
  brackets && address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;

function* range(first: number, last: number): Generator<number> {
  for (let port = first; port <= last; port++) yield port;
}

/** The host can listen on IPv6: compiled in, and not disabled at boot. */
const hasIpv6 = (): boolean => existsSync("/proc/net/if_inet6");
