import type { ContainerConfig, HostConfig } from "../api/container_config.ts";
import type { ExecCreateBody } from "../api/containers.ts";
import { invalid } from "../base/errors.ts";
import type { Linux, Process, Seccomp, Spec, User } from "../oci/runtime.ts";
import { environment, execEnvironment } from "./environment.ts";
import { type HostFacts, hostFacts } from "./facts.ts";
import { commandOf } from "./merge.ts";
import { capabilitiesOf, MASKED_PATHS, NETWORK_SYSCTLS, READONLY_PATHS, thermalPath } from "./profile.ts";
import { devicesOf, resourcesOf } from "./resources.ts";
import { defaultProfile, parseProfile } from "./seccomp_profile.ts";
import { apparmorProfile, type SecurityOptions, securityOptions } from "./security.ts";
import { mountsOf } from "./spec_mounts.ts";

/** A mount that is decided: what stands where, with mount(8) options. */
export interface SpecMount {
  readonly source: string;
  readonly destination: string;
  readonly type: "bind" | "tmpfs";
  readonly options: readonly string[];
}

export interface SpecInput {
  readonly id: string;
  /** Merged with the image's. */
  readonly config: ContainerConfig;
  /** Checked by `validateHostConfig`, with Docker's defaults. */
  readonly host: HostConfig;
  /** What `hostname` prints inside, and HOSTNAME. */
  readonly hostname: string;
  /** `/docker`; HostConfig.CgroupParent goes before it. */
  readonly cgroupParent: string;
  /** Host paths that are bound over /etc; undefined where nothing is. */
  readonly files:
    | { readonly hosts: string; readonly hostname: string; readonly resolvConf: string }
    | undefined;
  readonly mounts: readonly SpecMount[];
  /** As /etc/passwd and /etc/group beneath the root have it. */
  readonly user: User & { readonly home: string };
  /** Bound at /sbin/docker-init when HostConfig.Init is set. */
  readonly init?: string;
  /** Namespaces of another container that are joined, as paths. */
  readonly namespaces: {
    readonly pid?: string;
    readonly ipc?: string;
    readonly uts?: string;
    readonly network?: string;
  };
  readonly defaults: {
    readonly shmSize: number;
    readonly ulimits: readonly { readonly Name: string; readonly Soft: number; readonly Hard: number }[];
  };
  /** This host, if not told otherwise. */
  readonly facts?: HostFacts;
}

const OCI_VERSION = "1.2.1";
const INIT = "/sbin/docker-init";

/** Docker's wishes as config.json: the only place that translates them. Throws EngineErrors in Docker's words. */
export function specOf(input: SpecInput): Spec {
  const { host, config } = input;
  const facts = input.facts ?? hostFacts();
  const security = securityOptions(host.SecurityOpt ?? []);
  const privileged = host.Privileged === true;
  const capabilities = capabilitiesOf(host.CapAdd ?? [], host.CapDrop ?? [], {
    privileged,
    available: facts.capabilities,
  });
  const ownUts = host.UTSMode !== "host" && input.namespaces.uts === undefined;
  return {
    ociVersion: OCI_VERSION,
    root: { path: "rootfs", readonly: host.ReadonlyRootfs === true },
    ...(ownUts ? { hostname: input.hostname } : {}),
    ...(ownUts && config.Domainname ? { domainname: config.Domainname } : {}),
    ...(host.Annotations ? { annotations: host.Annotations } : {}),
    process: processOf(input, facts, security, capabilities),
    mounts: mountsOf(input, { privileged, writableCgroups: security.writableCgroups }),
    linux: linuxOf(input, facts, security, capabilities),
  };
}

function processOf(
  input: SpecInput,
  facts: HostFacts,
  security: SecurityOptions,
  capabilities: string[],
): Process {
  const { config, host, user } = input;
  const profile = apparmorProfile(security.apparmor, facts);
  const { uid, gid, umask, additionalGids } = user;
  const [height = 0, width = 0] = host.ConsoleSize ?? [];
  return {
    terminal: config.Tty === true,
    ...(config.Tty && height && width ? { consoleSize: { height, width } } : {}),
    user: { uid, gid, ...(umask === undefined ? {} : { umask }), additionalGids: additionalGids ?? [gid] },
    args: argumentsOf(input),
    env: environment(config, input.hostname, user.home),
    cwd: config.WorkingDir || "/",
    capabilities: threeSets(capabilities),
    rlimits: rlimitsOf([...input.defaults.ulimits, ...(host.Ulimits ?? [])]),
    noNewPrivileges: security.noNewPrivileges,
    ...(profile ? { apparmorProfile: profile } : {}),
    oomScoreAdj: host.OomScoreAdj ?? 0,
  };
}

/** `--init` has no place where the container shares the host's or another's pids. */
function argumentsOf({ config, host, init, namespaces }: SpecInput): string[] {
  const command = commandOf(config);
  if (!command) throw invalid("no command specified");
  const args = [command.path, ...command.args];
  if (!host.Init || host.PidMode === "host" || namespaces.pid !== undefined) return args;
  if (!init) throw invalid("docker-init is not available on this host: run without --init");
  return [INIT, "--", ...args];
}

/** Inheritable stays empty: else a file's inheritable set would raise them (CVE-2022-24769). */
const threeSets = (names: string[]): Process["capabilities"] => ({
  bounding: names,
  effective: names,
  permitted: names,
});

/** A later limit of the same name wins. -1 is unlimited: all bits of the kernel's 64. */
function rlimitsOf(ulimits: SpecInput["defaults"]["ulimits"]): Process["rlimits"] {
  const byName = new Map(ulimits.map((limit) => [limit.Name.toUpperCase(), limit]));
  return [...byName].map(([name, { Hard, Soft }]) => ({ type: `RLIMIT_${name}`, hard: Hard, soft: Soft }));
}

function linuxOf(
  input: SpecInput,
  facts: HostFacts,
  security: SecurityOptions,
  capabilities: string[],
): Linux {
  const { host } = input;
  const privileged = host.Privileged === true;
  const { nodes, rules } = devicesOf(host, privileged, facts);
  const open = privileged || security.unconfinedPaths;
  const thermal = Array.from({ length: facts.cpus }, (_, cpu) => thermalPath(cpu)).filter(facts.exists);
  const seccomp = privileged
    ? undefined
    : seccompOf(security.seccomp, { capabilities, kernel: facts.kernel });
  return {
    namespaces: namespacesOf(input),
    devices: nodes,
    cgroupsPath: `${(host.CgroupParent || input.cgroupParent).replace(/^\/*/, "/").replace(/\/+$/, "")}/${input.id}`,
    resources: { ...resourcesOf(host, facts), devices: rules },
    sysctl: { ...(ownNetwork(input) ? NETWORK_SYSCTLS : {}), ...host.Sysctls },
    ...(seccomp ? { seccomp } : {}),
    maskedPaths: open ? [] : [...(host.MaskedPaths ?? [...MASKED_PATHS, ...thermal])],
    readonlyPaths: open ? [] : [...(host.ReadonlyPaths ?? READONLY_PATHS)],
  };
}

function seccompOf(
  option: string | undefined,
  subject: Parameters<typeof defaultProfile>[0],
): Seccomp | undefined {
  if (option === "unconfined") return undefined;
  return option && option !== "builtin" ? parseProfile(option, subject) : defaultProfile(subject);
}

const ownNetwork = ({ host, namespaces }: SpecInput): boolean =>
  host.NetworkMode !== "host" && namespaces.network === undefined;

/** A path joins, nothing at all is the host's. */
function namespacesOf({ host, namespaces }: SpecInput): Linux["namespaces"] {
  const wanted: readonly (readonly [Linux["namespaces"][number]["type"], boolean, string?])[] = [
    ["mount", true],
    ["network", host.NetworkMode !== "host", namespaces.network],
    ["uts", host.UTSMode !== "host", namespaces.uts],
    ["pid", host.PidMode !== "host", namespaces.pid],
    ["ipc", host.IpcMode !== "host", namespaces.ipc],
    ["cgroup", host.CgroupnsMode === "private"],
  ];
  return wanted
    .filter(([, own, path]) => own || path !== undefined)
    .map(([type, , path]) => (path === undefined ? { type } : { type, path }));
}

/** What `exec` runs: confined as the container is, with its own command, user, terminal and additional variables. */
export function execProcessOf(
  spec: Spec,
  body: ExecCreateBody,
  user: User & { readonly home: string },
): Process {
  const { process } = spec;
  const { uid, gid, umask, additionalGids } = user;
  if (!body.Cmd?.length) throw invalid("No exec command specified");
  const [height = 0, width = 0] = body.ConsoleSize ?? [];
  return {
    terminal: body.Tty === true,
    ...(body.Tty && height && width ? { consoleSize: { height, width } } : {}),
    user: { uid, gid, ...(umask === undefined ? {} : { umask }), additionalGids: additionalGids ?? [gid] },
    args: [...body.Cmd],
    env: execEnvironment(process.env ?? [], body, user.home),
    cwd: body.WorkingDir || process.cwd,
    capabilities: body.Privileged ? threeSets([...hostFacts().capabilities]) : process.capabilities,
    rlimits: process.rlimits,
    noNewPrivileges: process.noNewPrivileges,
    ...(process.apparmorProfile ? { apparmorProfile: process.apparmorProfile } : {}),
    oomScoreAdj: process.oomScoreAdj,
  };
}
