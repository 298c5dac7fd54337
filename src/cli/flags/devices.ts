import type { DeviceMapping } from "../../api/container_config.ts";
import { parseSize } from "../../base/units.ts";
import { csv } from "./environment.ts";

const MODE = /^(?=.)(?!.*(.).*\1)[rwm]+$/;

/** `host[:container[:permissions]]`; the second part may be the permissions too. */
export function deviceMapping(text: string): DeviceMapping {
  const [host, second, third, ...more] = text.split(":");
  if (more.length > 0 || !host) throw new Error(`invalid device specification: ${text}`);
  const permissions = third ?? (second !== undefined && MODE.test(second) ? second : "rwm");
  const inside = third === undefined && second !== undefined && MODE.test(second) ? host : second || host;
  return { PathOnHost: host, PathInContainer: inside, CgroupPermissions: permissions };
}

export function cgroupRule(text: string): string {
  if (!/^[acb] ([0-9]+|\*):([0-9]+|\*) [rwm]{1,3}$/.test(text))
    throw new Error(`invalid device cgroup format '${text}'`);
  return text;
}

function pathAnd(text: string): [string, string] {
  const [path, value, ...more] = text.split(":");
  if (!path || value === undefined || more.length > 0) throw new Error(`bad format: ${text}`);
  if (!path.startsWith("/dev/")) throw new Error(`bad format for device path: ${text}`);
  return [path, value];
}

/** `/dev/sda:500` */
export function deviceWeight(text: string): { Path: string; Weight: number } {
  const [path, value] = pathAnd(text);
  const weight = Number(value);
  if (!/^\d+$/.test(value) || (weight > 0 && (weight < 10 || weight > 1000)))
    throw new Error(`invalid weight for device: ${text}`);
  return { Path: path, Weight: weight };
}

/** `/dev/sda:1mb`, bytes a second */
export function deviceSize(text: string): { Path: string; Rate: number } {
  const [path, value] = pathAnd(text);
  try {
    return { Path: path, Rate: parseSize(value) };
  } catch (cause) {
    const words =
      "The correct format is <device-path>:<number>[<unit>]. Number must be a positive integer. Unit is optional and can be kb, mb, or gb";
    throw new Error(`invalid rate for device: ${text}. ${words}`, { cause });
  }
}

/** `/dev/sda:1000`, operations a second */
export function deviceRate(text: string): { Path: string; Rate: number } {
  const [path, value] = pathAnd(text);
  if (!/^\d+$/.test(value))
    throw new Error(
      `invalid rate for device: ${text}. The correct format is <device-path>:<number>. Number must be a positive integer`,
    );
  return { Path: path, Rate: Number(value) };
}

/** `all`, a count, or `device=0,capabilities=utility` (docker/cli opts.GpuOpts). */
export function gpuRequest(text: string): object {
  const request = {
    Driver: "",
    Count: 0,
    DeviceIDs: undefined as string[] | undefined,
    Capabilities: [["gpu"]],
  };
  for (const field of csv(text)) {
    const [key, value] = field.includes("=") ? split(field) : ["count", field];
    if (key === "driver") request.Driver = value;
    else if (key === "count") request.Count = gpuCount(value);
    else if (key === "device") request.DeviceIDs = value.split(",");
    else if (key === "capabilities") request.Capabilities = [["gpu", ...value.split(",")]];
    else throw new Error(`unexpected key '${key}' in '${field}'`);
  }
  if (request.Count === 0 && !request.DeviceIDs) request.Count = 1;
  return request;
}

const split = (field: string): [string, string] => {
  const equals = field.indexOf("=");
  return [field.slice(0, equals), field.slice(equals + 1)];
};

function gpuCount(text: string): number {
  if (text === "all") return -1;
  if (!/^-?\d+$/.test(text))
    throw new Error(`invalid count (${text}): value must be either "all" or an integer`);
  return Number(text);
}
