import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { invalid } from "../base/errors.ts";

/** One way to a registry: a URL without path, tried in order until one answers. */
export interface RegistryEndpoint {
  /** `https://registry-1.docker.io` */
  readonly base: string;
  /** What stands in names, and in /etc/docker/certs.d: `host[:port]`. */
  readonly host: string;
  /** The certificate is not checked. */
  readonly insecure: boolean;
  /** A mirror that lacks something is no reason to give up. */
  readonly mirror: boolean;
}

export interface HostsOptions {
  /** `--registry-mirror`: base URLs, for docker.io alone. */
  readonly mirrors?: readonly string[];
  /** `--insecure-registry`: `host[:port]`, or addresses as CIDR. 127.0.0.0/8 and ::1 always are. */
  readonly insecure?: readonly string[];
  /** Folders `HOST:PORT` with ca.crt, client.cert, client.key. */
  readonly certificates?: string;
}

const HUB = "docker.io";
const HUB_HOST = "registry-1.docker.io";
const CERTIFICATES = "/etc/docker/certs.d";

/** The endpoints of a registry, best first: mirrors, https, and for insecure ones http as well. */
export function endpointsOf(domain: string, options: HostsOptions = {}): RegistryEndpoint[] {
  if (domain === HUB) {
    const mirrors = (options.mirrors ?? []).map((base) => mirrorOf(base, options));
    return [...mirrors, { base: `https://${HUB_HOST}`, host: HUB_HOST, insecure: false, mirror: false }];
  }
  const insecure = isInsecure(domain, options.insecure ?? []);
  const secure = { base: `https://${domain}`, host: domain, insecure, mirror: false };
  return insecure ? [secure, { ...secure, base: `http://${domain}` }] : [secure];
}

function mirrorOf(text: string, options: HostsOptions): RegistryEndpoint {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || url.search || url.hash || url.username)
    throw invalid(`invalid mirror: ${JSON.stringify(text)} is no URL of a registry`);
  const insecure = isInsecure(url.host, options.insecure ?? []);
  return { base: text.replace(/\/+$/, ""), host: url.host, insecure, mirror: true };
}

/** True for loopback, and for what the settings say. */
export function isInsecure(host: string, insecure: readonly string[]): boolean {
  const name = host.replace(/:\d+$/, "");
  return (
    isLoopback(name) || insecure.some((entry) => entry === host || entry === name || within(entry, name))
  );
}

/** `localhost`, 127.0.0.0/8, `[::1]`: what never leaves this machine. */
export const isLoopback = (name: string): boolean =>
  name === "localhost" || name === "[::1]" || name === "::1" || /^127(\.\d{1,3}){3}$/.test(name);

/** True when `address` is in an IPv4 network `a.b.c.d/n`. */
function within(network: string, address: string): boolean {
  const [base = "", bits] = network.split("/");
  const [a, b] = [number(base), number(address)];
  if (bits === undefined || a === undefined || b === undefined || !/^\d+$/.test(bits)) return false;
  const size = 2 ** (32 - Number(bits));
  return Math.floor(a / size) === Math.floor(b / size);
}

function number(address: string): number | undefined {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(address)?.slice(1).map(Number);
  if (!parts || parts.some((part) => part > 255)) return undefined;
  return parts.reduce((sum, part) => sum * 256 + part, 0);
}

/** What fetch needs for an endpoint's TLS. */
export interface Tls {
  readonly rejectUnauthorized?: boolean;
  readonly ca?: string[];
  readonly cert?: string;
  readonly key?: string;
}

/** The certificates of a registry as Docker keeps them: each `.crt` an authority, `x.cert` with `x.key` our own. */
export function tlsOf(endpoint: RegistryEndpoint, certificates: string = CERTIFICATES): Tls | undefined {
  if (!endpoint.base.startsWith("https:")) return undefined;
  const folder = join(certificates, endpoint.host);
  const files = existsSync(folder) ? readdirSync(folder).sort() : [];
  const read = (name: string) => readFileSync(join(folder, name), "utf8");
  const ca = files.filter((name) => name.endsWith(".crt")).map(read);
  const cert = files.find((name) => name.endsWith(".cert"));
  const key = cert?.replace(/\.cert$/, ".key");
  if (cert && key && !files.includes(key)) throw invalid(`missing key ${key} for client certificate ${cert}`);
  return {
    ...(endpoint.insecure ? { rejectUnauthorized: false } : {}),
    ...(ca.length > 0 ? { ca } : {}),
    ...(cert && key ? { cert: read(cert), key: read(key) } : {}),
  };
}
