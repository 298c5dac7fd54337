import { isIP } from "node:net";
import { emptyOr, list, map, number, size, text, toggle, ulimits } from "./flag.ts";

const MIB = 1024 * 1024;

const ip = (value: string): string => {
  if (isIP(value) !== 0) return value;
  throw new Error(`failed to parse IP: ${JSON.stringify(value)}`);
};
const dnsServer = (value: string): string => {
  if (isIP(value) !== 0) return value;
  throw new Error(`invalid string being converted to IP address: ${value}`);
};
const label = (value: string): string => {
  if (/^[^=]+=/.test(value)) return value;
  throw new Error(`bad attribute format: ${value}`);
};
const mirror = (value: string): string => {
  if (/^https?:\/\/[^/?#]+\/?$/.test(value)) return value.endsWith("/") ? value : `${value}/`;
  const scheme = /^https?:/.test(value) ? "" : `no scheme specified for ${JSON.stringify(value)}: `;
  throw new Error(`invalid mirror: ${scheme}must use either 'https://' or 'http://', and a host only`);
};

/** For what cannot be done: any value but the given ones is refused with the reason. */
const only =
  <T>(reason: string, ...possible: readonly T[]) =>
  (value: T): string | undefined =>
    possible.includes(value) ? undefined : reason;
const never = (reason: string) => (value: string | number | boolean | object) =>
  value === "" ||
  value === 0 ||
  value === false ||
  (typeof value === "object" && Object.keys(value).length === 0)
    ? undefined
    : reason;
const noted = (words: string) => () => words;

const NO_SWARM = "there is no swarm mode";
const NO_IPV6 = "containers have no IPv6 yet";
const ONE_RUNTIME = "containers are run by bunker itself; there are no other runtimes";
const FIXED_POOLS = "address pools are fixed; --bip sets the default bridge's";
const NO_CONTAINERD = "there is no containerd: containers are supervised by bunker itself";

/**
 * Every setting of the daemon: dockerd's names, those of Docker 1.2, and three of our own. What cannot be done is
 * refused where it is asked for; what is true of bunker anyway is taken, and said in the log.
 */
export const DAEMON_FLAGS = {
  "add-runtime": list("Register an additional OCI compatible runtime", {
    hint: "runtime",
    file: "runtimes",
    read: emptyOr(ONE_RUNTIME),
    refuse: never(ONE_RUNTIME),
  }),
  "allow-direct-routing": toggle("Allow remote access to published ports on container IP addresses", false, {
    refuse: never("published ports are reached by the host's addresses only"),
  }),
  "authorization-plugin": list("Authorization plugins to load", {
    file: "authorization-plugins",
    refuse: never("there are no authorization plugins"),
  }),
  bip: text("IPv4 address for the default bridge"),
  bip6: text("IPv6 address for the default bridge", "", { refuse: never(NO_IPV6) }),
  bridge: text(
    "Attach containers to a network bridge that exists; 'none' disables container networking",
    "",
    {
      short: "b",
    },
  ),
  "bridge-name": text("Name of the default bridge, made when it does not exist", "bunker0", { file: null }),
  "cdi-spec-dir": list("CDI specification directories to use", {
    file: "cdi-spec-dirs",
    refuse: never("there are no CDI devices"),
  }),
  "cgroup-parent": text("Set parent cgroup for all containers"),
  "config-file": text("Daemon configuration file", "/etc/bunker/daemon.json", { file: null }),
  containerd: text("containerd grpc address", "", { note: noted(NO_CONTAINERD) }),
  "containerd-namespace": text("Containerd namespace to use", "", { note: noted(NO_CONTAINERD) }),
  "containerd-plugins-namespace": text("Containerd namespace to use for plugins", "", {
    file: "containerd-plugin-namespace",
    note: noted(NO_CONTAINERD),
  }),
  "cpu-rt-period": number("Limit the CPU real-time period in microseconds for the parent cgroup", 0, {
    refuse: never("real-time scheduling of the parent cgroup is not set up"),
  }),
  "cpu-rt-runtime": number("Limit the CPU real-time runtime in microseconds for the parent cgroup", 0, {
    refuse: never("real-time scheduling of the parent cgroup is not set up"),
  }),
  "cri-containerd": toggle("start containerd with cri", false, { refuse: never(NO_CONTAINERD) }),
  "data-root": text("Root directory of persistent state", "/var/lib/bunker"),
  debug: toggle("Enable debug mode", false, { short: "D", reload: true }),
  "default-address-pool": list("Default address pools for node specific local networks", {
    hint: "pool-options",
    file: "default-address-pools",
    read: emptyOr(FIXED_POOLS),
    refuse: never(FIXED_POOLS),
  }),
  "default-cgroupns-mode": text('Default mode for containers cgroup namespace ("host" | "private")', "", {
    refuse: never("the host's cgroup version decides; --cgroupns sets it for one container"),
  }),
  "default-gateway": text("Default gateway IPv4 address for the default bridge network", "", {
    hint: "ip",
    refuse: never("the bridge itself is the gateway"),
  }),
  "default-gateway-v6": text("Default gateway IPv6 address for the default bridge network", "", {
    hint: "ip",
    refuse: never(NO_IPV6),
  }),
  "default-ipc-mode": text('Default mode for containers ipc ("shareable" | "private")', "private", {
    refuse: only("only private is; --ipc sets it for one container", "private"),
  }),
  "default-network-opt": map("Default network options", {
    file: "default-network-opts",
    refuse: never("networks have no default options"),
  }),
  "default-runtime": text("Default OCI runtime for containers", "bunker", {
    refuse: only(ONE_RUNTIME, "bunker", "runc", "io.containerd.runc.v2"),
  }),
  "default-shm-size": size("Default shm size for containers", 64 * MIB, { shown: "64MiB" }),
  "default-ulimit": ulimits("Default ulimits for containers", { file: "default-ulimits" }),
  dns: list("DNS server to use", { hint: "ipSlice" }, dnsServer),
  "dns-opt": list("DNS options to use", { file: "dns-opts" }),
  "dns-search": list("DNS search domains to use"),
  "exec-driver": text("Exec driver to use", "native", {
    short: "e",
    refuse: only("the only exec driver is native", "native"),
  }),
  "exec-opt": list("Runtime execution options", {
    file: "exec-opts",
    refuse: (options) =>
      options.every((option) => option === "native.cgroupdriver=cgroupfs")
        ? undefined
        : "the only runtime option is native.cgroupdriver=cgroupfs",
  }),
  "exec-root": text("Root directory for execution state files", "/var/run/bunker"),
  experimental: toggle("Enable experimental features", false, { refuse: never("there are none") }),
  feature: map("Enable feature in the daemon", {
    file: "features",
    refuse: (features) =>
      Object.values(features).every((value) => value === "false")
        ? undefined
        : "features can only be set to false",
  }),
  "fixed-cidr": text("IPv4 subnet for the default bridge network"),
  "fixed-cidr-v6": text("IPv6 subnet for the default bridge network", "", { refuse: never(NO_IPV6) }),
  graph: text("Root directory of persistent state", "", {
    short: "g",
    hidden: true,
    file: null,
    alias: "data-root",
  }),
  group: text("Group for the unix socket", "docker", { short: "G" }),
  host: list("Daemon socket(s) to connect to", { short: "H", file: "hosts" }),
  "host-gateway-ip": list("IP addresses that 'host-gateway' in --add-host resolves to", {
    file: "host-gateway-ips",
    refuse: never("host-gateway is always the default bridge's address"),
  }),
  "http-proxy": text("HTTP proxy URL to use for outgoing traffic"),
  "https-proxy": text("HTTPS proxy URL to use for outgoing traffic"),
  icc: toggle("Enable inter-container communication for the default bridge network", true),
  "idle-exit": number("End when nothing runs and nobody is connected for that many seconds; 0 is never", 0, {
    file: null,
  }),
  init: toggle("Run an init in the container to forward signals and reap processes"),
  "init-path": text("Path to the docker-init binary", "", { note: noted("the init is built in") }),
  "insecure-registry": list("Enable insecure registry communication", {
    file: "insecure-registries",
    reload: true,
  }),
  ip: text("Host IP for port publishing from the default bridge network", "0.0.0.0", { hint: "ip" }, ip),
  "ip-forward": toggle("Enable IP forwarding in system configuration", true),
  "ip-forward-no-drop": toggle(
    "Do not set the filter-FORWARD policy to DROP when enabling IP forwarding",
    false,
    {
      note: noted("the policy of filter-FORWARD is never changed"),
    },
  ),
  "ip-masq": toggle("Enable IP masquerading for the default bridge network", true),
  ip6tables: toggle("Enable addition of ip6tables rules", true, { note: noted(NO_IPV6) }),
  iptables: toggle("Enable addition of firewall rules", true),
  ipv6: toggle("Enable IPv6 networking for the default bridge network", false, { refuse: never(NO_IPV6) }),
  label: list("Set key=value labels to the daemon", { file: "labels", reload: true }, label),
  "live-restore": toggle("Keep containers running while the daemon is down", false, { reload: true }),
  "log-driver": text("Default driver for container logs", "json-file", {
    refuse: only("log drivers are json-file and none", "json-file", "none"),
  }),
  "log-format": text('Set the logging format ("text"|"json")', "text", {
    refuse: only("the log is text", "text"),
  }),
  "log-level": text('Set the logging level ("debug"|"info"|"warn"|"error"|"fatal")', "info", {
    short: "l",
    reload: true,
  }),
  "log-opt": map("Default log driver options for containers", { file: "log-opts" }),
  "max-concurrent-downloads": number("Set the max concurrent downloads", 3),
  "max-concurrent-uploads": number("Set the max concurrent uploads", 5, {
    note: noted("images cannot be pushed yet"),
  }),
  "max-download-attempts": number("Set the max download attempts for each pull", 5),
  "metrics-addr": text("Set default address and port to serve the metrics api on", "", {
    refuse: never("there is no metrics API"),
  }),
  mtu: number('Set the MTU for the default "bridge" network', 0, { shown: "1500" }),
  "network-control-plane-mtu": number("Network Control plane MTU", 0, { refuse: never(NO_SWARM) }),
  "no-new-privileges": toggle("Set no-new-privileges by default for new containers", false, {
    refuse: never("it is set for one container by --security-opt no-new-privileges"),
  }),
  "no-proxy": text("Comma-separated list of hosts or IP addresses for which the proxy is skipped"),
  "node-generic-resource": list("Advertise user-defined resource", {
    file: "node-generic-resources",
    refuse: never(NO_SWARM),
  }),
  pidfile: text("Path to use for daemon PID file", "/var/run/bunker.pid", { short: "p" }),
  "raw-logs": toggle("Full timestamps without ANSI coloring", false, {
    note: noted("the log never has colours"),
  }),
  "registry-mirror": list("Preferred registry mirror", { file: "registry-mirrors", reload: true }, mirror),
  rootless: toggle("Enable rootless mode", false, { refuse: never("bunker needs root") }),
  "seccomp-profile": text('Path to seccomp profile; "unconfined" disables the default one', "builtin", {
    refuse: only(
      "only the builtin one is the default; --security-opt seccomp=FILE sets another for one container",
      "builtin",
    ),
  }),
  "selinux-enabled": toggle("Enable selinux support", false, { refuse: never("SELinux labels are not set") }),
  "shutdown-timeout": number("Set the default shutdown timeout", 15, { reload: true }),
  "storage-driver": text("Storage driver to use", "", { short: "s" }),
  "storage-opt": list("Storage driver options", {
    file: "storage-opts",
    refuse: never("the storage drivers overlay2 and vfs have no options here"),
  }),
  "swarm-default-advertise-addr": text("Set default address or interface for swarm advertised address", "", {
    refuse: never(NO_SWARM),
  }),
  tls: toggle("Use TLS; implied by --tlsverify"),
  tlscacert: text("Trust certs signed only by this CA", "/root/.docker/ca.pem"),
  tlscert: text("Path to TLS certificate file", "/root/.docker/cert.pem"),
  tlskey: text("Path to TLS key file", "/root/.docker/key.pem"),
  tlsverify: toggle("Use TLS and verify the remote"),
  "userland-proxy": toggle("Use userland proxy for loopback traffic", true),
  "userland-proxy-path": text("Path to the userland proxy binary", "", {
    note: noted("the proxy is built in"),
  }),
  "userns-remap": text("User/Group setting for user namespaces", "", {
    refuse: never("containers have no user namespace of their own yet"),
  }),
  validate: toggle("Validate daemon configuration and exit", false, { file: null }),
  version: toggle("Print version information and quit", false, { short: "v", file: null }),
} as const;
