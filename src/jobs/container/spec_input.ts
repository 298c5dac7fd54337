import { mkdirSync } from "node:fs";
import type { ExecCreateBody } from "../../api/containers.ts";
import { conflict, EngineError, messageOf, notFound } from "../../base/errors.ts";
import { parseTmpfs } from "../../container/binds.ts";
import type { Container } from "../../container/container.ts";
import { hostFacts } from "../../container/facts.ts";
import { writeNetworkFiles } from "../../container/files.ts";
import type { ContainerMount } from "../../container/mounts.ts";
import { execProcessOf, type SpecInput, type SpecMount, specOf } from "../../container/spec.ts";
import type { Rootfs } from "../../execdriver/driver.ts";
import type { Sandbox } from "../../network/store.ts";
import type { Needs } from "../needs.ts";

type SpecNeeds = Needs<"containers" | "execdriver" | "host" | "layers">;

/** All that the spec is made of, of a container about to start; missing host folders of its binds are made. */
export function specInput(m: SpecNeeds, container: Container, rootfs: Rootfs, sandbox: Sandbox): SpecInput {
  const { hostConfig, record } = container;
  const mounts = [
    ...record.mounts.map(mountOf),
    ...Object.entries(hostConfig.Tmpfs ?? {}).map(([path, options]) => mountOf(parseTmpfs(path, options))),
  ];
  return {
    ...described(m, container, rootfs),
    mounts,
    files: filesOf(m, container, sandbox),
    namespaces: namespacesOf(m, container),
    hostname: hostnameOf(m, container),
  };
}

/** In another container's network that one's, as Docker has it; else its own, or the host's. */
function hostnameOf(m: SpecNeeds, { config, hostConfig }: Container): string {
  const [kind, donor] = (hostConfig.NetworkMode ?? "").split(":");
  const other = kind === "container" && donor ? m.containers.find(donor) : undefined;
  return other?.config.Hostname || config.Hostname || m.host.name;
}

/** The process of an exec, confined as its container was at its start. */
export function execProcess(
  m: SpecNeeds,
  container: Container,
  body: ExecCreateBody,
  size: [number, number] | undefined,
) {
  const spec = specOf({
    ...described(m, container, m.layers.rootfs(container.id)),
    mounts: [],
    files: undefined,
    namespaces: {},
    hostname: hostnameOf(m, container),
  });
  return execProcessOf(spec, size ? { ...body, ConsoleSize: size } : body, execUser(m, container, body));
}

/** Whom an exec runs as, by the running container's own files. Throws in Docker's words. */
export function execUser(m: Needs<"execdriver">, container: Container, body: ExecCreateBody) {
  const inside: Rootfs = { kind: "path", path: `/proc/${container.state.pid}/root` };
  const name = body.User || container.config.User || "";
  return m.execdriver.resolveUser(inside, name, groupsOf(container));
}

const groupsOf = (container: Container): readonly string[] => container.hostConfig.GroupAdd ?? [];

function described(m: SpecNeeds, container: Container, rootfs: Rootfs) {
  const { config, hostConfig } = container;
  const { settings } = m.host;
  const init = hostConfig.Init ?? settings.init;
  return {
    id: container.id,
    config,
    host: init ? { ...hostConfig, Init: true } : hostConfig,
    cgroupParent: settings.cgroupParent || "/docker",
    user: m.execdriver.resolveUser(rootfs, config.User ?? "", groupsOf(container)),
    ...(init ? { init: m.execdriver.init } : {}),
    defaults: { shmSize: settings.defaultShmSize, ulimits: settings.defaultUlimits },
  };
}

function mountOf({ type, source, destination, options, makeSource }: ContainerMount): SpecMount {
  if (makeSource) makeFolder(source);
  return {
    type: type === "tmpfs" ? "tmpfs" : "bind",
    source,
    destination,
    options: knowsDeepReadOnly() ? options : options.map((option) => (option === "rro" ? "ro" : option)),
  };
}

/** mount_setattr(2), Linux 5.12 */
function knowsDeepReadOnly(): boolean {
  const [major, minor] = hostFacts().kernel;
  return major > 5 || (major === 5 && minor >= 12);
}

function makeFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return; // a file is as good
    throw new EngineError(
      "internal",
      `error while creating mount source path '${path}': ${messageOf(error)}`,
      { cause: error },
    );
  }
}

/** Hosts, hostname and resolv.conf; a container in another's network has that one's. */
function filesOf(m: SpecNeeds, container: Container, sandbox: Sandbox): SpecInput["files"] {
  const { config, hostConfig, dir } = container;
  const mode = hostConfig.NetworkMode ?? "bridge";
  if (mode.startsWith("container:")) {
    const other = m.containers.get(mode.slice("container:".length)).dir;
    return { hosts: `${other}/hosts`, hostname: `${other}/hostname`, resolvConf: `${other}/resolv.conf` };
  }
  const { settings } = m.host;
  return writeNetworkFiles(dir, {
    hostname: config.Hostname || m.host.name,
    domainname: config.Domainname ?? "",
    endpoint: sandbox.endpoint,
    extraHosts: hostConfig.ExtraHosts ?? [],
    hostGateway: sandbox.hostGateway,
    dns: hostConfig.Dns?.length ? hostConfig.Dns : settings.dns,
    dnsOptions: hostConfig.DnsOptions?.length ? hostConfig.DnsOptions : settings.dnsOptions,
    dnsSearch: hostConfig.DnsSearch?.length ? hostConfig.DnsSearch : settings.dnsSearch,
    mode,
  });
}

/** Namespaces of another container, by its first process. */
function namespacesOf(m: SpecNeeds, { hostConfig }: Container): SpecInput["namespaces"] {
  const path = (mode: string | undefined, kind: string, file: string): string | undefined => {
    if (!mode?.startsWith("container:")) return undefined;
    const name = mode.slice("container:".length);
    const other = m.containers.find(name);
    if (!other) throw notFound("container", name);
    if (!other.process) throw conflict(`cannot join ${kind} namespace of a non running container: ${name}`);
    return `/proc/${other.state.pid}/ns/${file}`;
  };
  return {
    pid: path(hostConfig.PidMode, "PID", "pid"),
    network: path(hostConfig.NetworkMode, "network", "net"),
  };
}
