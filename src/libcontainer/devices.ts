import { invalid } from "../base/errors.ts";
import type { Resources } from "../oci/runtime.ts";

type OciRule = NonNullable<Resources["devices"]>[number];

/** One exception of a device cgroup; `*` is any number. */
export interface DeviceException {
  readonly type: "c" | "b";
  readonly major: number | "*";
  readonly minor: number | "*";
  /** some of `rwm`, in that order */
  readonly access: string;
}

/** What a device cgroup comes to: everything or nothing, and what is excepted from that. */
export interface DevicePolicy {
  readonly allow: boolean;
  readonly exceptions: readonly DeviceException[];
}

const rule = (type: "c" | "b", major?: number, minor?: number, access = "rwm"): OciRule => ({
  allow: true,
  type,
  major,
  minor,
  access,
});

/**
 * What each container may do besides what its config.json says, as runc has it: make any device node (not open it), the
 * devices of config-linux.md "Default Devices", its own terminals, and tun.
 */
const ALWAYS: readonly OciRule[] = [
  rule("c", undefined, undefined, "m"),
  rule("b", undefined, undefined, "m"),
  rule("c", 1, 3), // null
  rule("c", 1, 8), // random
  rule("c", 1, 7), // full
  rule("c", 5, 0), // tty
  rule("c", 1, 5), // zero
  rule("c", 1, 9), // urandom
  rule("c", 136), // pts
  rule("c", 5, 2), // ptmx
  rule("c", 10, 200), // net/tun
];

/**
 * Plays the rules through in order as the devices controller of cgroup v1 would (device_cgroup.c), so that only the
 * outcome has to be written. Undefined when config.json has no rule: then nothing is restricted. Throws `invalid`.
 */
export function devicePolicy(rules: readonly OciRule[] | undefined): DevicePolicy | undefined {
  if (!rules?.length) return undefined;
  let allow = true;
  const exceptions = new Map<string, Set<string>>();
  for (const one of [...rules, ...ALWAYS]) {
    const access = one.access || "rwm";
    if (!/^[rwm]+$/.test(access)) throw invalid(`invalid device access "${access}"`);
    if (isAll(one)) {
      allow = one.allow;
      exceptions.clear();
      continue;
    }
    for (const type of one.type && one.type !== "a" ? [one.type] : ["c", "b"]) {
      const key = `${type} ${number(one.major)}:${number(one.minor)}`;
      const letters = exceptions.get(key) ?? new Set<string>();
      for (const letter of access) {
        if (one.allow === allow) letters.delete(letter);
        else letters.add(letter);
      }
      if (letters.size) exceptions.set(key, letters);
      else exceptions.delete(key);
    }
  }
  return { allow, exceptions: [...exceptions].map(([key, letters]) => exceptionOf(key, letters)) };
}

const any = (value: number | undefined): boolean => value === undefined || value < 0;
const number = (value: number | undefined): string => (any(value) ? "*" : String(value));
const isAll = (one: OciRule): boolean =>
  (!one.type || one.type === "a") &&
  any(one.major) &&
  any(one.minor) &&
  [..."rwm"].every((x) => (one.access || "rwm").includes(x));

function exceptionOf(key: string, letters: ReadonlySet<string>): DeviceException {
  const [, type, major, minor] = /^([cb]) (.+):(.+)$/.exec(key)!;
  const value = (text: string) => (text === "*" ? "*" : Number(text));
  return {
    type: type as "c" | "b",
    major: value(major!),
    minor: value(minor!),
    access: [..."rwm"].filter((letter) => letters.has(letter)).join(""),
  };
}

/** A line as `devices.allow` and `devices.deny` take it: `c 1:3 rwm`. */
export const deviceLine = ({ type, major, minor, access }: DeviceException): string =>
  `${type} ${major}:${minor} ${access}`;
