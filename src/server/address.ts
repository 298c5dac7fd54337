import { invalid } from "../base/errors.ts";

/** Where a daemon listens. */
export type Address =
  | { readonly kind: "unix"; readonly path: string }
  | { readonly kind: "tcp"; readonly host: string; readonly port: number }
  /** Sockets that were inherited; undefined: all of them. */
  | { readonly kind: "fd"; readonly fd: number | undefined };

/** The port of a tcp address that names none, plain and with TLS. */
const PORT = { plain: 2375, tls: 2376 };

/** Reads one `-H`: `unix://PATH`, `tcp://[HOST][:PORT]`, `fd://[FD]`, or `HOST:PORT`. Throws `invalid`. */
export function parseAddress(host: string, tls: boolean, defaultSocket: string): Address {
  const at = host.indexOf("://");
  const scheme = at < 0 ? "tcp" : host.slice(0, at);
  const rest = at < 0 ? host : host.slice(at + 3);
  if (scheme === "unix") return { kind: "unix", path: absolute(rest || defaultSocket, host) };
  if (scheme === "fd") return { kind: "fd", fd: inherited(rest, host) };
  if (scheme !== "tcp") throw invalid(`invalid bind address (${host}): unsupported proto '${scheme}'`);
  const found = /^(?:\[([0-9a-fA-F:.]+)\]|([^:/[\]]*))(?::(\d{1,5}))?$/.exec(rest);
  const port = Number(found?.[3] ?? (tls ? PORT.tls : PORT.plain));
  if (!found || port > 65535) throw invalid(`invalid bind address (${host}): should be tcp://HOST:PORT`);
  return { kind: "tcp", host: found[1] || found[2] || "localhost", port };
}

function absolute(path: string, host: string): string {
  if (path.startsWith("/")) return path;
  throw invalid(`invalid bind address (${host}): the socket's path must be absolute`);
}

/** `fd://` and `fd://*` are all sockets that were inherited. */
function inherited(text: string, host: string): number | undefined {
  if (text === "" || text === "*") return undefined;
  if (!/^\d+$/.test(text) || Number(text) < 3)
    throw invalid(`invalid bind address (${host}): should be fd://NUMBER, 3 or more`);
  return Number(text);
}

/** An address as people write it. */
export function formatAddress(address: Address): string {
  if (address.kind === "unix") return `unix://${address.path}`;
  if (address.kind === "fd") return `fd://${address.fd ?? "*"}`;
  return `tcp://${address.host.includes(":") ? `[${address.host}]` : address.host}:${address.port}`;
}
