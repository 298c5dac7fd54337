import { existsSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { invalid } from "../base/errors.ts";
import {
  legacyResolvConf,
  overridden,
  parseResolvConf,
  printResolvConf,
  type ResolvConf,
} from "./resolv_conf.ts";

/** What a container's three network files are made of. */
export interface NetworkFilesInput {
  readonly hostname: string;
  readonly domainname: string;
  /** Its place on a network; without an address it has no line of its own in hosts. */
  readonly endpoint?: { readonly address?: string };
  /** `name:address`, where the address may be `host-gateway`. */
  readonly extraHosts: readonly string[];
  /** What `host-gateway` means: the address of the default bridge. */
  readonly hostGateway?: string;
  readonly dns: readonly string[];
  readonly dnsOptions: readonly string[];
  readonly dnsSearch: readonly string[];
  /** The network mode: `host` has the host's own files. */
  readonly mode: string;
}

export interface NetworkFiles {
  readonly hosts: string;
  readonly hostname: string;
  readonly resolvConf: string;
}

const LOCAL_HOSTS = `127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::\tip6-localnet
ff00::\tip6-mcastprefix
ff02::1\tip6-allnodes
ff02::2\tip6-allrouters
`;
const HOST_RESOLV_CONF = "/etc/resolv.conf";
/** systemd-resolved, and what it forwards to. */
const RESOLVED_STUB = "127.0.0.53";
const RESOLVED_RESOLV_CONF = "/run/systemd/resolve/resolv.conf";

/**
 * Writes `hosts`, `hostname` and `resolv.conf` into the container's folder, as Docker 28 writes them. A resolv.conf that
 * was edited since we wrote it is left as it is. Throws `invalid` for an extra host without a known address.
 */
export function writeNetworkFiles(dir: string, input: NetworkFilesInput): NetworkFiles {
  const files = {
    hosts: join(dir, "hosts"),
    hostname: join(dir, "hostname"),
    resolvConf: join(dir, "resolv.conf"),
  };
  writeFileSync(files.hosts, hostsOf(input));
  writeFileSync(files.hostname, `${input.hostname}\n`);
  writeResolvConf(files.resolvConf, resolvConfOf(input));
  return files;
}

/** The hosts file: Docker's own lines, extra hosts, then the container's address under its names. */
export function hostsOf(input: NetworkFilesInput): string {
  const extra = input.extraHosts.map((entry) => extraHost(entry, input.hostGateway));
  if (input.mode === "host" && extra.length === 0) return readIfThere("/etc/hosts");
  const { address } = input.endpoint ?? {};
  const own = address ? [`${address}\t${namesOf(input)}\n`] : [];
  return LOCAL_HOSTS + [...extra, ...own].join("");
}

/** `name.domain name`: the full name first, then its first part when there is more. */
function namesOf({ hostname, domainname }: NetworkFilesInput): string {
  const full = domainname ? `${hostname}.${domainname}` : hostname;
  const dot = full.indexOf(".");
  return dot > 0 ? `${full} ${full.slice(0, dot)}` : full;
}

function extraHost(entry: string, gateway: string | undefined): string {
  const at = entry.search(/[:=]/);
  const [name, address] =
    at < 0 ? [entry, ""] : [entry.slice(0, at), entry.slice(at + 1).replace(/^\[(.*)\]$/, "$1")];
  if (!name || !address) throw invalid(`bad format for add-host: ${JSON.stringify(entry)}`);
  if (address !== "host-gateway") return `${address}\t${name}\n`;
  if (!gateway) throw invalid("unable to derive the IP value for host-gateway");
  return `${gateway}\t${name}\n`;
}

function resolvConfOf(input: NetworkFilesInput): string {
  const host = hostResolvConf(input.mode);
  const asked = overridden(host, {
    servers: input.dns,
    search: input.dnsSearch,
    options: input.dnsOptions,
  });
  return printResolvConf(input.mode === "host" ? asked : legacyResolvConf(asked));
}

/** The host's file; behind a lone systemd-resolved stub, which a container cannot reach, the one that it forwards to. */
function hostResolvConf(mode: string): ResolvConf {
  const conf = parseResolvConf(readIfThere(HOST_RESOLV_CONF), HOST_RESOLV_CONF);
  const stub = conf.servers.length === 1 && conf.servers[0] === RESOLVED_STUB;
  if (mode === "host" || !stub || !existsSync(RESOLVED_RESOLV_CONF)) return conf;
  return parseResolvConf(readIfThere(RESOLVED_RESOLV_CONF), RESOLVED_RESOLV_CONF);
}

/** What we wrote bears a time of whole seconds; whoever edits it leaves another. */
function writeResolvConf(path: string, content: string): void {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found && found.mtimeMs % 1000 !== 0) return;
  writeFileSync(path, content);
  const seconds = Math.floor(Date.now() / 1000);
  utimesSync(path, seconds, seconds);
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw error;
  }
}
