import type { ContainerConfig, HostConfig } from "../api/container_config.ts";
import { EngineError, invalid, unsupported } from "../base/errors.ts";
import { type HostFacts, hostFacts } from "./facts.ts";
import { capabilitiesOf } from "./profile.ts";
import { parseDeviceRule } from "./resources.ts";
import { parseProfile } from "./seccomp_profile.ts";
import { securityOptions } from "./security.ts";
import { checkSysctls } from "./sysctls.ts";
import { checkLimits } from "./validate_limits.ts";

/**
 * Everything that can be known to be wrong about confinement and limits before anything is made. Answers the host config
 * without what this kernel cannot do, and Docker's warnings about that. Throws EngineErrors in Docker's words.
 */
export function validateHostConfig(
  host: HostConfig,
  config: ContainerConfig,
  facts: HostFacts = hostFacts(),
): { host: HostConfig; warnings: string[] } {
  checkModes(host, config);
  const capabilities = capabilitiesOf(host.CapAdd ?? [], host.CapDrop ?? [], {
    privileged: host.Privileged === true,
    available: facts.capabilities,
  });
  const security = securityOptions(host.SecurityOpt ?? []);
  if (security.seccomp && security.seccomp !== "unconfined" && security.seccomp !== "builtin")
    parseProfile(security.seccomp, { capabilities, kernel: facts.kernel });
  checkSysctls(host);
  checkUlimits(host);
  checkDevices(host);
  if ((host.ShmSize ?? 0) < 0) throw invalid("SHM size can not be less than 0");
  const score = host.OomScoreAdj ?? 0;
  if (score < -1000 || score > 1000)
    throw invalid(`Invalid value ${score}, range for oom score adj is [-1000, 1000]`);
  return checkLimits(host, facts);
}

const joins = (mode: string): boolean => /^container:.+/.test(mode);

/** The namespaces that are shared with the host or with another container. */
function checkModes(host: HostConfig, config: ContainerConfig): void {
  const { IpcMode: ipc = "", PidMode: pid = "", UTSMode: uts = "", CgroupnsMode: cgroup = "" } = host;
  if (!["", "private", "shareable", "host", "none"].includes(ipc) && !joins(ipc))
    throw invalid(`invalid IPC mode: ${ipc}`);
  if (joins(ipc))
    throw unsupported(
      "the ipc namespace of another container cannot be joined by this engine yet: its /dev/shm is not shared",
    );
  if (!["", "private", "host"].includes(pid) && !joins(pid)) throw invalid(`invalid PID mode: ${pid}`);
  if (!["", "private", "host"].includes(uts)) throw invalid(`invalid UTS mode: ${uts}`);
  if (uts === "host" && config.Hostname) throw invalid("conflicting options: hostname and the UTS mode");
  if (!["", "private", "host"].includes(cgroup)) throw invalid(`invalid cgroup namespace mode: ${cgroup}`);
  if (!["", "host"].includes(host.UsernsMode ?? ""))
    throw invalid(`invalid user namespace mode: ${host.UsernsMode}`);
}

/** getrlimit(2), in Docker's spelling. */
const ULIMITS =
  "as core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack".split(
    " ",
  );

function checkUlimits(host: HostConfig): void {
  for (const { Name, Soft, Hard } of host.Ulimits ?? []) {
    if (!ULIMITS.includes(Name.toLowerCase()))
      throw invalid(`wrong rlimit value: RLIMIT_${Name.toUpperCase()}`);
    if (Hard !== -1 && (Soft > Hard || Soft === -1))
      throw invalid(`ulimit soft limit must be less than or equal to hard limit: ${Soft} > ${Hard}`);
  }
}

function checkDevices(host: HostConfig): void {
  for (const { PathOnHost, CgroupPermissions: letters } of host.Devices ?? [])
    if (letters && !/^[rwm]{1,3}$/.test(letters))
      throw invalid(`invalid device mode for ${PathOnHost}: ${letters}: must be some of r, w, m`);
  for (const rule of host.DeviceCgroupRules ?? []) parseDeviceRule(rule);
  const [request] = (host.DeviceRequests ?? []) as { Driver?: string; Capabilities?: string[][] }[];
  if (!request) return;
  const wanted = (request.Capabilities ?? []).map((set) => `[${set.join(" ")}]`).join(" ");
  throw new EngineError(
    "internal",
    `could not select device driver ${JSON.stringify(request.Driver ?? "")} with capabilities: [${wanted}]`,
  );
}
