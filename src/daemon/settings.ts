import { hostname } from "node:os";
import { build } from "../base/build.ts";
import type { LogLevel } from "../base/log.ts";
import type { Host } from "../jobs/needs.ts";
import type { BridgeOptions } from "../networkdriver/bridge.ts";
import { parseAddress } from "../server/address.ts";
import type { ServeInput } from "../server/serve.ts";
import type { Config } from "./config.ts";

const DEFAULT_SOCKET = "/var/run/bunker.sock";
const DEFAULT_CGROUP_PARENT = "/docker";
const DEFAULT_MTU = 1500;
/** Network namespaces with their links, kept ready ahead of containers. */
const READY = 6;

/** What jobs may see of the Config. */
export const settingsOf = (config: Config): Host["settings"] => ({
  cgroupParent: config.cgroupParent || DEFAULT_CGROUP_PARENT,
  dns: config.dns,
  dnsOptions: config.dnsOpt,
  dnsSearch: config.dnsSearch,
  logDriver: config.logDriver,
  logOptions: config.logOpt,
  labels: config.label,
  debug: config.debug,
  registryMirrors: config.registryMirror,
  insecureRegistries: config.insecureRegistry,
  init: config.init,
  defaultShmSize: config.defaultShmSize,
  defaultUlimits: config.defaultUlimit,
  liveRestore: config.liveRestore,
  shutdownTimeout: config.shutdownTimeout,
});

/** What jobs may know of the daemon. Its settings are replaced when SIGHUP brings new ones. */
export const hostOf = (config: Config, id: string): Host => ({
  version: build.version,
  name: hostname(),
  id,
  root: config.dataRoot,
  startedAt: new Date(),
  settings: settingsOf(config),
});

/** The default bridge: one of the host's by `--bridge`, or our own. */
export const bridgeOf = (config: Config): BridgeOptions => ({
  name: config.bridge || config.bridgeName,
  foreign: config.bridge !== "",
  bip: config.bip || undefined,
  fixedCidr: config.fixedCidr || undefined,
  mtu: config.mtu || DEFAULT_MTU,
  icc: config.icc,
  ipMasq: config.ipMasq,
  ipForward: config.ipForward,
  iptables: config.iptables,
  userlandProxy: config.userlandProxy,
  hostIp: config.ip,
  ready: READY,
});

/** Where and how the API is served. Throws `invalid` for an address that is none. */
export const servingOf = (config: Config): ServeInput => ({
  hosts: (config.host.length > 0 ? config.host : [`unix://${DEFAULT_SOCKET}`]).map((host) =>
    parseAddress(host, config.tls, DEFAULT_SOCKET),
  ),
  group: config.group,
  tls: config.tls
    ? { cert: config.tlscert, key: config.tlskey, ca: config.tlscacert, verify: config.tlsverify }
    : undefined,
});

export const levelOf = (config: Config): LogLevel => (config.debug ? "debug" : (config.logLevel as LogLevel));
