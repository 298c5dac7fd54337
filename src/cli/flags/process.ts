import type { ContainerConfig, HostConfig } from "../../api/container_config.ts";
import { bool, custom, int, list, optional, string, type Values } from "../flag.ts";
import { keyValues, readEnvFile, readLabelFile, validEnv } from "./environment.ts";

const STREAMS = new Set(["stdin", "stdout", "stderr"]);

function validStream(text: string): string {
  const stream = text.toLowerCase();
  if (!STREAMS.has(stream)) throw new Error("valid streams are STDIN, STDOUT and STDERR");
  return stream;
}

/** What runs: command, environment, terminal, identity. */
export const processFlags = {
  attach: list("a", "Attach to STDIN, STDOUT or STDERR", validStream),
  entrypoint: optional("", "Overwrite the default ENTRYPOINT of the image"),
  env: list("e", "Set environment variables", validEnv),
  "env-file": list("", "Read in a file of environment variables"),
  hostname: string("h", "Container host name"),
  domainname: string("", "Container NIS domain name"),
  interactive: bool("i", "Keep STDIN open even if not attached"),
  label: list("l", "Set meta data on a container"),
  "label-file": list("", "Read in a line delimited file of labels"),
  annotation: list(
    "",
    "Add an annotation to the container (passed through to the OCI runtime)",
    undefined,
    "map",
  ),
  "stop-signal": string("", "Signal to stop the container"),
  "stop-timeout": int("", "Timeout (in seconds) to stop a container"),
  tty: bool("t", "Allocate a pseudo-TTY"),
  user: string("u", "Username or UID (format: <name|uid>[:<group|gid>])"),
  workdir: string("w", "Working directory inside the container"),
};

export function processConfig(
  flags: Values<typeof processFlags>,
  args: readonly string[],
  detach: boolean,
): ContainerConfig {
  const attached = new Set(detach ? [] : flags.attach.length > 0 ? flags.attach : ["stdout", "stderr"]);
  if (flags.interactive && !detach) attached.add("stdin");
  const env = [...flags["env-file"].flatMap(readEnvFile), ...flags.env];
  const labels = { ...keyValues(flags["label-file"].flatMap(readLabelFile)), ...keyValues(flags.label) };
  return {
    Image: args[0],
    Cmd: args.length > 1 ? args.slice(1) : undefined,
    Entrypoint: flags.entrypoint === undefined ? undefined : [flags.entrypoint],
    Env: env.length > 0 ? env : undefined,
    Hostname: flags.hostname || undefined,
    Domainname: flags.domainname || undefined,
    Labels: Object.keys(labels).length > 0 ? labels : undefined,
    User: flags.user || undefined,
    WorkingDir: flags.workdir || undefined,
    StopSignal: flags["stop-signal"] || undefined,
    StopTimeout: flags["stop-timeout"],
    Tty: flags.tty,
    OpenStdin: flags.interactive,
    AttachStdin: attached.has("stdin"),
    AttachStdout: attached.has("stdout"),
    AttachStderr: attached.has("stderr"),
    StdinOnce: flags.interactive && attached.has("stdin"),
  };
}

const SYSCTLS = new Set(
  "kernel.msgmax kernel.msgmnb kernel.msgmni kernel.sem kernel.shmall kernel.shmmax kernel.shmmni kernel.shm_rmid_forced".split(
    " ",
  ),
);

/** Only what belongs to a namespace can be set for one container. */
function namespaced(text: string): string {
  const name = text.slice(0, Math.max(0, text.indexOf("=")));
  if (SYSCTLS.has(name) || /^(net\.|fs\.mqueue\.)/.test(name)) return text;
  throw new Error(`sysctl '${text}' is not allowed`);
}

/** How the engine treats it: privileges, namespaces, end of life, logging. */
export const hostFlags = {
  "cap-add": list("", "Add Linux capabilities"),
  "cap-drop": list("", "Drop Linux capabilities"),
  "cgroup-parent": string("", "Optional parent cgroup for the container"),
  cgroupns: string("", "Cgroup namespace to use (host|private)"),
  "group-add": list("", "Add additional groups to join"),
  init: bool("", "Run an init inside the container that forwards signals and reaps processes"),
  ipc: string("", "IPC mode to use"),
  isolation: string("", "Container isolation technology"),
  "log-driver": string("", "Logging driver for the container"),
  "log-opt": list("", "Log driver options"),
  "oom-kill-disable": bool("", "Disable OOM Killer"),
  "oom-score-adj": int("", "Tune host's OOM preferences (-1000 to 1000)"),
  pid: string("", "PID namespace to use"),
  privileged: bool("", "Give extended privileges to this container"),
  "read-only": bool("", "Mount the container's root filesystem as read only"),
  restart: string("", "Restart policy to apply when a container exits", "no"),
  rm: bool("", "Automatically remove the container and its associated anonymous volumes when it exits"),
  runtime: string("", "Runtime to use for this container"),
  "security-opt": list("", "Security Options"),
  sysctl: list("", "Sysctl options", namespaced, "map"),
  userns: string("", "User namespace to use"),
  uts: string("", "UTS namespace to use"),
  "disable-content-trust": custom<boolean>(
    "",
    "bool",
    "Skip image verification",
    true,
    (_, value) => {
      if (value !== "true") throw new Error("content trust is not supported: images are verified by digest");
      return true;
    },
    "true",
  ),
};

const NAMESPACES = [
  ["pid", "PID", /^(host|container:.+)$/],
  ["uts", "UTS", /^host$/],
  ["userns", "USER", /^host$/],
  ["cgroupns", "CGROUP", /^(host|private)$/],
] as const;

export function hostConfig(flags: Values<typeof hostFlags>): HostConfig {
  for (const [name, word, valid] of NAMESPACES)
    if (flags[name] !== "" && !valid.test(flags[name])) throw new Error(`--${name}: invalid ${word} mode`);
  const restart = restartPolicy(flags.restart);
  if (flags.rm && restart.Name !== "no" && restart.Name)
    throw new Error("conflicting options: cannot specify both --restart and --rm");
  const logOptions = keyValues(flags["log-opt"]);
  if (flags["log-driver"] === "none" && flags["log-opt"].length > 0)
    throw new Error("invalid logging opts for driver none");
  return {
    AutoRemove: flags.rm || undefined,
    CapAdd: orNothing(flags["cap-add"]),
    CapDrop: orNothing(flags["cap-drop"]),
    CgroupParent: flags["cgroup-parent"] || undefined,
    CgroupnsMode: (flags.cgroupns || undefined) as HostConfig["CgroupnsMode"],
    GroupAdd: orNothing(flags["group-add"]),
    Init: flags.init || undefined,
    IpcMode: flags.ipc || undefined,
    Isolation: flags.isolation || undefined,
    LogConfig:
      flags["log-driver"] || flags["log-opt"].length > 0
        ? { Type: flags["log-driver"], Config: logOptions }
        : undefined,
    OomKillDisable: flags["oom-kill-disable"] || undefined,
    OomScoreAdj: flags["oom-score-adj"],
    PidMode: flags.pid || undefined,
    Privileged: flags.privileged || undefined,
    ReadonlyRootfs: flags["read-only"] || undefined,
    RestartPolicy: restart.Name === "no" ? undefined : restart,
    Runtime: flags.runtime || undefined,
    Sysctls: flags.sysctl.length > 0 ? keyValues(flags.sysctl) : undefined,
    UsernsMode: flags.userns || undefined,
    UTSMode: flags.uts || undefined,
  };
}

/** Undefined for an empty list: what was not asked for is not sent. */
export const orNothing = <T>(values: readonly T[]): T[] | undefined =>
  values.length > 0 ? [...values] : undefined;

/** `on-failure:5` to Docker's record. The engine judges the name. */
export function restartPolicy(text: string): NonNullable<HostConfig["RestartPolicy"]> {
  const [name, count, ...more] = text.split(":");
  if (name === "" && count !== undefined)
    throw new Error("invalid restart policy format: no policy provided before colon");
  if (more.length > 0) throw new Error("invalid restart policy format");
  if (count !== undefined && !/^-?\d+$/.test(count))
    throw new Error("invalid restart policy format: maximum retry count must be an integer");
  const policy = { Name: name as "no" };
  return count === undefined ? policy : { ...policy, MaximumRetryCount: Number(count) };
}
