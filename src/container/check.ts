import type {
  ContainerConfig,
  Healthcheck,
  HostConfig,
  PortBinding,
  RestartPolicy,
} from "../api/container_config.ts";
import { invalid } from "../base/errors.ts";
import { parseSize } from "../base/units.ts";
import { parseSignal } from "./signals.ts";

/** What one container asks of its own process. Throws `invalid` in Docker's words. Limits and confinement: `validate.ts`. */
export function checkConfig(config: ContainerConfig): void {
  for (const pair of config.Env ?? [])
    if (pair === "" || pair.startsWith("=")) throw invalid(`invalid environment variable: ${pair}`);
  if (config.WorkingDir && !config.WorkingDir.startsWith("/"))
    throw invalid(`the working directory '${config.WorkingDir}' is invalid, it needs to be an absolute path`);
  if (config.StopSignal) parseSignal(config.StopSignal);
  for (const port of Object.keys(config.ExposedPorts ?? {})) parsePort(port);
  for (const [field, text] of Object.entries({ Hostname: config.Hostname, Domainname: config.Domainname }))
    if (text && (text.length > 64 || /[\0\s/]/.test(text)))
      throw invalid(`invalid ${field.toLowerCase()}: ${text}`);
  checkHealth(config.Healthcheck);
}

/** What it asks of the host besides limits and confinement. Throws `invalid` in Docker's words. */
export function checkHost(host: HostConfig): void {
  checkRestart(host.RestartPolicy);
  const policy = host.RestartPolicy?.Name;
  if (host.AutoRemove && policy && policy !== "no")
    throw invalid("can't create 'AutoRemove' container with restart policy");
  for (const entry of host.ExtraHosts ?? [])
    if (!/^[^:=]+[:=].+$/.test(entry)) throw invalid(`bad format for add-host: ${JSON.stringify(entry)}`);
  for (const key of Object.keys(host.Annotations ?? {}))
    if (key === "")
      throw invalid("invalid Annotations: the empty string is not permitted as an annotation key");
  checkPorts(host.PortBindings ?? {});
  logOptions(host.LogConfig);
  if (host.NetworkMode === "container:")
    throw invalid("invalid network mode: invalid container format container:<name|id>");
  if (host.Runtime && !RUNTIMES.includes(host.Runtime))
    throw invalid(`unknown or invalid runtime name: ${host.Runtime}`);
  if (host.Isolation && host.Isolation !== "default")
    throw invalid(`invalid isolation (${host.Isolation}): linux only supports 'default'`);
}

/** Every name by which clients ask for the one runtime that there is. */
const RUNTIMES: readonly string[] = ["runc", "io.containerd.runc.v2", "bunker"];

function checkRestart(policy: RestartPolicy | undefined): void {
  const { Name: name = "", MaximumRetryCount: count = 0 } = policy ?? {};
  if (!["", "no", "always", "on-failure", "unless-stopped"].includes(name))
    throw invalid(
      `invalid restart policy: unknown policy '${name}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'`,
    );
  if (name !== "on-failure" && count !== 0)
    throw invalid("invalid restart policy: maximum retry count can only be used with 'on-failure'");
  if (count < 0) throw invalid("invalid restart policy: maximum retry count cannot be negative");
}

const LEAST_NANOS = 1_000_000;

function checkHealth(health: Healthcheck | undefined): void {
  if (!health) return;
  for (const field of ["Interval", "Timeout", "StartPeriod", "StartInterval"] as const) {
    const nanos = health[field] ?? 0;
    if (nanos !== 0 && nanos < LEAST_NANOS) throw invalid(`${field} in Healthcheck cannot be less than 1ms`);
  }
  if ((health.Retries ?? 0) < 0) throw invalid("Retries in Healthcheck cannot be negative");
  const kind = health.Test?.[0];
  if (kind !== undefined && !["", "NONE", "CMD", "CMD-SHELL"].includes(kind))
    throw invalid(`Test in Healthcheck: unknown type ${JSON.stringify(kind)}`);
}

/** `80/tcp`, `80`, `8000-8010/udp`. Throws `invalid`. */
export function parsePort(text: string): { first: number; last: number; proto: "tcp" | "udp" | "sctp" } {
  const found = /^(\d+)(?:-(\d+))?(?:\/(tcp|udp|sctp))?$/i.exec(text);
  const first = Number(found?.[1]);
  const last = Number(found?.[2] ?? first);
  if (!found || first < 1 || last > 65535 || last < first)
    throw invalid(`invalid port specification: ${JSON.stringify(text)}`);
  return { first, last, proto: (found[3]?.toLowerCase() ?? "tcp") as "tcp" | "udp" | "sctp" };
}

function checkPorts(bindings: Record<string, PortBinding[] | null>): void {
  for (const [port, hosts] of Object.entries(bindings)) {
    parsePort(port);
    for (const { HostIp: ip, HostPort: hostPort } of hosts ?? []) {
      if (ip && !/^(\d{1,3}(\.\d{1,3}){3}|[0-9a-fA-F:.]*:[0-9a-fA-F:.]*)$/.test(ip))
        throw invalid(`invalid IP address: ${JSON.stringify(ip)}`);
      if (hostPort && !/^0?$/.test(hostPort)) hostRange(hostPort);
    }
  }
}

/** `8080` or `8000-8010`. Throws `invalid`. */
export function hostRange(text: string): { first: number; last: number } {
  const { first, last } = /\//.test(text) ? { first: 0, last: 0 } : parsePort(text);
  if (first === 0) throw invalid(`invalid port specification: ${JSON.stringify(text)}`);
  return { first, last };
}

/** Where output goes: the json-file log with its limits, or nowhere. Sizes in bytes, 0 unlimited. */
export type LogOptions =
  | { readonly kind: "json-file"; readonly maxSize: number; readonly maxFiles: number }
  | { readonly kind: "none" };

const NOT_YET = ["labels", "labels-regex", "env", "env-regex", "tag", "compress"];

/** Throws `invalid` for a driver or an option that there is not, or that would do nothing. */
export function logOptions(config: HostConfig["LogConfig"]): LogOptions {
  const { Type: type = "", Config: options } = config ?? {};
  if (type === "none") return { kind: "none" };
  if (type !== "" && type !== "json-file")
    throw invalid(
      `error looking up logging plugin ${type}: plugin ${JSON.stringify(type)} not found: this engine has json-file and none`,
    );
  const { "max-size": size, "max-file": files, mode, ...rest } = options ?? {};
  for (const name of Object.keys(rest))
    throw invalid(
      NOT_YET.includes(name)
        ? `log opt '${name}' is not supported by this engine's json-file log driver`
        : `unknown log opt '${name}' for json-file log driver`,
    );
  if (mode && mode !== "blocking")
    throw invalid(`log opt 'mode=${mode}' is not supported by this engine: it has 'blocking'`);
  const maxFiles = files === undefined ? 1 : Number(files);
  if (!Number.isInteger(maxFiles) || maxFiles < 1) throw invalid("max-file cannot be less than 1");
  const maxSize = size === undefined || size === "-1" ? 0 : parseSize(size);
  return { kind: "json-file", maxSize, maxFiles };
}
