import type { HostConfig } from "../api/container_config.ts";
import { invalid } from "../base/errors.ts";

/** Those of the ipc namespace (ipc_namespaces(7)); `fs.mqueue.` besides. */
const IPC = new Set([
  "kernel.msgmax",
  "kernel.msgmnb",
  "kernel.msgmni",
  "kernel.sem",
  "kernel.shmall",
  "kernel.shmmax",
  "kernel.shmmni",
  "kernel.shm_rmid_forced",
]);

/** Only what belongs to a namespace of the container's own may be set: else it would change the host. Throws `invalid`. */
export function checkSysctls(host: HostConfig): void {
  for (const name of Object.keys(host.Sysctls ?? {}).map((key) => key.replaceAll("/", "."))) {
    const quoted = JSON.stringify(name);
    if (name.startsWith("net.")) {
      if (host.NetworkMode === "host")
        throw invalid(`sysctl ${quoted} not allowed in host network namespace`);
    } else if (IPC.has(name) || name.startsWith("fs.mqueue.")) {
      if (host.IpcMode === "host")
        throw invalid(`sysctl ${quoted} is not allowed in the hosts ipc namespace`);
    } else if (name === "kernel.domainname") {
      if (host.UTSMode === "host")
        throw invalid(`sysctl ${quoted} is not allowed in the hosts uts namespace`);
    } else if (name === "kernel.hostname")
      throw invalid(`sysctl ${quoted} is not allowed as it conflicts with the OCI "hostname" field`);
    else throw invalid(`sysctl ${quoted} is not in a separate kernel namespace`);
  }
}
