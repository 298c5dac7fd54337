import { invalid } from "../base/errors.ts";
import { CAPABILITIES } from "../oci/capabilities.ts";
import type { Mount, Resources } from "../oci/runtime.ts";

/** Docker 28's defaults, as a running 28.5.2 writes them into config.json. */
export const DEFAULT_CAPABILITIES: readonly string[] = [
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_FSETID",
  "CAP_FOWNER",
  "CAP_MKNOD",
  "CAP_NET_RAW",
  "CAP_SETGID",
  "CAP_SETUID",
  "CAP_SETFCAP",
  "CAP_SETPCAP",
  "CAP_NET_BIND_SERVICE",
  "CAP_SYS_CHROOT",
  "CAP_KILL",
  "CAP_AUDIT_WRITE",
];

export const MASKED_PATHS: readonly string[] = [
  "/proc/asound",
  "/proc/acpi",
  "/proc/interrupts",
  "/proc/kcore",
  "/proc/keys",
  "/proc/latency_stats",
  "/proc/timer_list",
  "/proc/timer_stats",
  "/proc/sched_debug",
  "/proc/scsi",
  "/sys/firmware",
  "/sys/devices/virtual/powercap",
];

export const READONLY_PATHS: readonly string[] = [
  "/proc/bus",
  "/proc/fs",
  "/proc/irq",
  "/proc/sys",
  "/proc/sysrq-trigger",
];

/** One `thermal_throttle` a CPU tells of its neighbours' work; masked where there are any. */
export const thermalPath = (cpu: number): string => `/sys/devices/system/cpu/cpu${cpu}/thermal_throttle`;

export const DEFAULT_MOUNTS: readonly Mount[] = [
  { destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "noexec", "nodev"] },
  {
    destination: "/dev",
    type: "tmpfs",
    source: "tmpfs",
    options: ["nosuid", "strictatime", "mode=755", "size=65536k"],
  },
  {
    destination: "/dev/pts",
    type: "devpts",
    source: "devpts",
    options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
  },
  { destination: "/sys", type: "sysfs", source: "sysfs", options: ["nosuid", "noexec", "nodev", "ro"] },
  {
    destination: "/sys/fs/cgroup",
    type: "cgroup",
    source: "cgroup",
    options: ["ro", "nosuid", "noexec", "nodev"],
  },
  { destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: ["nosuid", "noexec", "nodev"] },
];

type DeviceRule = NonNullable<Resources["devices"]>[number];
const device = (major: number, minor: number, allow = true): DeviceRule => ({
  allow,
  type: "c",
  major,
  minor,
  access: "rwm",
});

/** zero, null, urandom, random, tty, console; not fuse. The runtime adds its own (config-linux.md "Default Devices"). */
export const DEVICE_RULES: readonly DeviceRule[] = [
  { allow: false, access: "rwm" },
  device(1, 5),
  device(1, 3),
  device(1, 9),
  device(1, 8),
  device(5, 0),
  device(5, 1),
  device(10, 229, false),
];

/** A container with its own network may listen below 1024 and send pings without any capability. */
export const NETWORK_SYSCTLS: Readonly<Record<string, string>> = {
  "net.ipv4.ip_unprivileged_port_start": "0",
  "net.ipv4.ping_group_range": "0 2147483647",
};

/** `net_admin`, `CAP_NET_ADMIN` and `ALL` as they are in config.json. Throws `invalid`; `field` names the list. */
function normalCapabilities(names: readonly string[], field: string, available: readonly string[]): string[] {
  return names.map((name) => {
    const upper = name.toUpperCase();
    if (upper === "ALL") return upper;
    const full = upper.startsWith("CAP_") ? upper : `CAP_${upper}`;
    const quoted = JSON.stringify(full);
    if (!CAPABILITIES.includes(full)) throw invalid(`invalid ${field}: unknown capability: ${quoted}`);
    if (!available.includes(full))
      throw invalid(
        `invalid ${field}: capability not supported by your kernel or not available in the current environment: ${quoted}`,
      );
    return full;
  });
}

/** moby's oci/caps TweakCapabilities: what the process may have at most. Throws `invalid`. */
export function capabilitiesOf(
  add: readonly string[],
  drop: readonly string[],
  { privileged, available }: { privileged: boolean; available: readonly string[] },
): string[] {
  const added = normalCapabilities(add, "CapAdd", available);
  const dropped = normalCapabilities(drop, "CapDrop", available);
  if (privileged) return [...available];
  const base = added.includes("ALL") ? available : dropped.includes("ALL") ? [] : DEFAULT_CAPABILITIES;
  const kept = base.filter((name) => available.includes(name) && !dropped.includes(name));
  return [...new Set([...kept, ...added.filter((name) => name !== "ALL")])];
}
