import { EngineError, invalid } from "../base/errors.ts";
import { fs, path } from "../base/node.ts";

export const DEFAULT_HOST = "unix:///var/run/bunker.sock";

/** Where an engine listens. */
export type Address =
  | { readonly kind: "unix"; readonly path: string; readonly host: string }
  | {
      readonly kind: "tcp";
      readonly hostname: string;
      readonly port: number;
      readonly tls?: Tls;
      readonly host: string;
    };

/** PEM texts. Without `verify` any server certificate is taken. */
export interface Tls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly verify: boolean;
}

/** The global flags that say how to reach the engine; what is not set comes from the environment. */
export interface HostOptions {
  host?: string;
  tls?: boolean;
  tlsVerify?: boolean;
  tlsCaCert?: string;
  tlsCert?: string;
  tlsKey?: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The engine to talk to: `options`, then DOCKER_HOST, DOCKER_TLS, DOCKER_TLS_VERIFY and DOCKER_CERT_PATH, then the
 * default socket. Throws `invalid` for a host that cannot be read.
 */
export function addressOf(options: HostOptions, env: Environment): Address {
  const host = options.host || env.BUNKER_HOST || env.DOCKER_HOST || DEFAULT_HOST;
  const [scheme, rest] = host.includes("://") ? splitOnce(host, "://") : ["tcp", host];
  if (scheme === "unix") return { kind: "unix", path: rest || "/var/run/bunker.sock", host };
  if (scheme !== "tcp" && scheme !== "http" && scheme !== "https")
    throw invalid(`unable to parse docker host \`${host}\`: only unix:// and tcp:// are supported`);
  const tls = tlsOf(options, env, scheme === "https");
  const found = /^(?:\[([^\]]+)\]|([^:/]*))(?::(\d+))?\/?$/.exec(rest);
  if (!found) throw invalid(`unable to parse docker host \`${host}\``);
  const port = Number(found[3] ?? (tls ? 2376 : 2375));
  return { kind: "tcp", hostname: found[1] || found[2] || "127.0.0.1", port, tls, host };
}

function splitOnce(text: string, at: string): [string, string] {
  const index = text.indexOf(at);
  return [text.slice(0, index), text.slice(index + at.length)];
}

function tlsOf(options: HostOptions, env: Environment, asked: boolean): Tls | undefined {
  const verify = options.tlsVerify ?? Boolean(env.DOCKER_TLS_VERIFY);
  if (!(asked || verify || options.tls || env.DOCKER_TLS)) return undefined;
  const folder = env.DOCKER_CERT_PATH || env.DOCKER_CONFIG || path().join(env.HOME ?? "/root", ".docker");
  return {
    verify,
    ca: verify ? pem(options.tlsCaCert, path().join(folder, "ca.pem")) : undefined,
    cert: pem(options.tlsCert, path().join(folder, "cert.pem")),
    key: pem(options.tlsKey, path().join(folder, "key.pem")),
  };
}

/** A file that was named must exist; one of the default names may be missing. */
function pem(named: string | undefined, usual: string): string | undefined {
  try {
    return fs().readFileSync(named ?? usual, "utf8");
  } catch (error) {
    if (named === undefined) return undefined;
    throw new EngineError("invalid", `could not read TLS file ${named}`, { cause: error });
  }
}
