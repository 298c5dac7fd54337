import { invalid } from "../base/errors.ts";
import type { NamespaceType } from "../oci/runtime.ts";
import type { Step } from "../sys/steps.ts";
import * as steps from "../sys/steps.ts";

const IPC = /^(kernel\.(msgmax|msgmnb|msgmni|sem|shmall|shmmax|shmmni|shm_rmid_forced)$|fs\.mqueue\.)/;

/**
 * Sysctls that belong to a namespace which is not the host's; any other would change the host (config-linux.md "Sysctl").
 * Written through the host's /proc, whose files show the writer's own namespaces. Throws `invalid`.
 */
export function sysctlSteps(
  sysctl: Readonly<Record<string, string>>,
  own: (type: NamespaceType) => boolean,
): Step[] {
  return Object.entries(sysctl).map(([key, value]) => {
    const type = namespaceOf(key);
    if (!type) throw invalid(`sysctl "${key}" is not in a separate kernel namespace`);
    if (!own(type)) throw invalid(`sysctl "${key}" is not allowed in the hosts ${type} namespace`);
    if (key.includes("/") || key.includes("..")) throw invalid(`sysctl "${key}" is not a sysctl's name`);
    return steps.write(`/proc/sys/${key.replaceAll(".", "/")}`, value);
  });
}

function namespaceOf(key: string): NamespaceType | undefined {
  if (IPC.test(key)) return "ipc";
  if (key.startsWith("net.")) return "network";
  if (key === "kernel.domainname" || key === "kernel.hostname") return "uts";
  return undefined;
}
