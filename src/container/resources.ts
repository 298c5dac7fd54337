import type { DeviceMapping, Resources as Limits } from "../api/container_config.ts";
import { internal, invalid } from "../base/errors.ts";
import type { Device, Resources, Throttle } from "../oci/runtime.ts";
import type { HostFacts } from "./facts.ts";
import { DEVICE_RULES } from "./profile.ts";

/** µs */
const NANO_CPU_PERIOD = 100_000;

/** Docker's limits as config.json has them: 0, null and "" are unset. Serves create and update alike. Throws `internal`. */
export function resourcesOf(limits: Limits, facts: Pick<HostFacts, "devices">): Resources {
  const nano = limits.NanoCpus || 0;
  const { PidsLimit: pids, MemorySwappiness: swappiness } = limits;
  return plain({
    memory: plain({
      limit: limits.Memory || undefined,
      reservation: limits.MemoryReservation || undefined,
      swap: limits.MemorySwap || undefined,
      swappiness: swappiness === -1 ? undefined : (swappiness ?? undefined),
      disableOOMKiller: limits.OomKillDisable ?? undefined,
    }),
    cpu: plain({
      shares: limits.CpuShares || undefined,
      quota: nano ? Math.floor((nano * NANO_CPU_PERIOD) / 1e9) : limits.CpuQuota || undefined,
      period: nano ? NANO_CPU_PERIOD : limits.CpuPeriod || undefined,
      realtimeRuntime: limits.CpuRealtimeRuntime || undefined,
      realtimePeriod: limits.CpuRealtimePeriod || undefined,
      cpus: limits.CpusetCpus || undefined,
      mems: limits.CpusetMems || undefined,
    }),
    pids: pids === null || pids === undefined || pids === 0 ? undefined : { limit: pids < 0 ? -1 : pids },
    blockIO: blockIoOf(limits, facts),
  });
}

function blockIoOf(limits: Limits, facts: Pick<HostFacts, "devices">): Resources["blockIO"] {
  const numbers = (path: string) => {
    const [device] = facts.devices(path) ?? [];
    if (!device) throw internal(`stat ${path}: no such file or directory`);
    return { major: device.major!, minor: device.minor! };
  };
  const throttles = (list: Limits["BlkioDeviceReadBps"]): Throttle[] | undefined =>
    list?.length ? list.map(({ Path, Rate }) => ({ ...numbers(Path), rate: Rate })) : undefined;
  return plain({
    weight: limits.BlkioWeight || undefined,
    weightDevice: limits.BlkioWeightDevice?.length
      ? limits.BlkioWeightDevice.map(({ Path, Weight }) => ({ ...numbers(Path), weight: Weight }))
      : undefined,
    throttleReadBpsDevice: throttles(limits.BlkioDeviceReadBps),
    throttleWriteBpsDevice: throttles(limits.BlkioDeviceWriteBps),
    throttleReadIOPSDevice: throttles(limits.BlkioDeviceReadIOps),
    throttleWriteIOPSDevice: throttles(limits.BlkioDeviceWriteIOps),
  });
}

/** The nodes that are made besides the default ones, and who may use what. Throws `internal`, `invalid`. */
export function devicesOf(
  limits: Limits,
  privileged: boolean,
  facts: Pick<HostFacts, "devices">,
): { nodes: Device[]; rules: NonNullable<Resources["devices"]> } {
  if (privileged)
    return { nodes: facts.devices("/dev") ?? [], rules: [...DEVICE_RULES, { allow: true, access: "rwm" }] };
  const nodes: Device[] = [];
  const rules = [...DEVICE_RULES];
  for (const mapping of limits.Devices ?? [])
    for (const node of mapped(mapping, facts)) {
      nodes.push(node);
      const { type, major, minor } = node;
      rules.push({
        allow: true,
        type: type as "c" | "b",
        major,
        minor,
        access: mapping.CgroupPermissions || "rwm",
      });
    }
  for (const text of limits.DeviceCgroupRules ?? []) rules.push(parseDeviceRule(text));
  return { nodes, rules };
}

/** A folder on the host gives every device beneath it, at the same place beneath `PathInContainer`. */
function mapped(
  { PathOnHost: host, PathInContainer }: DeviceMapping,
  facts: Pick<HostFacts, "devices">,
): Device[] {
  const inside = PathInContainer || host;
  const found = facts.devices(host);
  const fail = (reason: string) =>
    internal(
      `error gathering device information while adding custom device ${JSON.stringify(host)}: ${reason}`,
    );
  if (!found) throw fail("no such file or directory");
  if (found.length === 0) throw fail("not a device node");
  const one = found.length === 1 && found[0]!.path === host;
  return found.map((device) => ({ ...device, path: one ? inside : inside + device.path.slice(host.length) }));
}

/** `c 1:* rwm`. Throws `invalid`. */
export function parseDeviceRule(text: string): NonNullable<Resources["devices"]>[number] {
  const found = /^([acb]) (\d+|\*):(\d+|\*) ([rwm]{1,3})$/.exec(text);
  if (!found) throw invalid(`invalid device cgroup rule format: '${text}'`);
  const [, type, major, minor, access] = found;
  const number = (value: string) => (value === "*" ? undefined : Number(value));
  return { allow: true, type: type as "a" | "b" | "c", major: number(major!), minor: number(minor!), access };
}

/** Without the keys that are undefined. */
const plain = <T extends object>(record: T): T =>
  Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined)) as T;
