import { invalid } from "../base/errors.ts";
import type { Seccomp } from "../oci/runtime.ts";
import defaultSeccomp from "./seccomp_default.json";

/** A seccomp profile as Docker writes it: config.json's, with conditions that are resolved for one container. */
interface Profile extends Omit<Seccomp, "syscalls" | "defaultAction"> {
  readonly defaultAction?: string;
  readonly archMap?: readonly { architecture: string; subArchitectures: readonly string[] | null }[];
  readonly syscalls?: readonly ProfileRule[];
}

interface ProfileRule extends Omit<NonNullable<Seccomp["syscalls"]>[number], "names"> {
  readonly name?: string;
  readonly names?: string[];
  readonly includes?: Condition;
  readonly excludes?: Condition;
}

interface Condition {
  readonly arches?: readonly string[];
  readonly caps?: readonly string[];
  /** `4.8` */
  readonly minKernel?: string;
}

/** For whom the profile is resolved. */
export interface Subject {
  readonly capabilities: readonly string[];
  readonly kernel: readonly [number, number];
}

/** Go's name of this machine, and the runtime-spec's. */
const GOARCH = "amd64";
const ARCHITECTURE = "SCMP_ARCH_X86_64";

/** What it is for once resolved; by the capabilities, since all else is the same for each container of this host. */
const defaults = new Map<string, Seccomp>();

export function defaultProfile(subject: Subject): Seccomp {
  const key = subject.capabilities.join();
  let profile = defaults.get(key);
  if (!profile) {
    profile = resolveProfile(defaultSeccomp as Profile, subject)!;
    if (defaults.size < 64) defaults.set(key, profile);
  }
  return profile;
}

/** A profile of the user's. Undefined when it is empty, which is no confinement. Throws `invalid`. */
export function parseProfile(json: string, subject: Subject): Seccomp | undefined {
  let profile: unknown;
  try {
    profile = JSON.parse(json, wholeNumbers);
  } catch (error) {
    throw invalid(`Decoding seccomp profile failed: ${(error as Error).message}`, error);
  }
  if (typeof profile !== "object" || profile === null || Array.isArray(profile))
    throw invalid("Decoding seccomp profile failed: not an object");
  return resolveProfile(profile as Profile, subject);
}

/** 64-bit arguments do not fit a double: what is too large for one becomes a bigint (JSON.parse source text access). */
const wholeNumbers = (_: string, value: unknown, context?: { source: string }): unknown =>
  typeof value === "number" && Number.isInteger(value) && !Number.isSafeInteger(value) && context
    ? BigInt(context.source)
    : value;

/** moby's profiles/seccomp setupSeccomp. */
function resolveProfile(profile: Profile, subject: Subject): Seccomp | undefined {
  if (!profile.defaultAction && !profile.syscalls?.length) return undefined;
  if (profile.architectures?.length && profile.archMap?.length)
    throw invalid(
      "both 'architectures' and 'archMap' are specified in the seccomp profile, use either 'architectures' or 'archMap'",
    );
  const native = profile.archMap?.find(({ architecture }) => architecture === ARCHITECTURE);
  return {
    defaultAction: profile.defaultAction ?? "",
    defaultErrnoRet: profile.defaultErrnoRet,
    architectures: native ? [native.architecture, ...(native.subArchitectures ?? [])] : profile.architectures,
    flags: profile.flags,
    syscalls: (profile.syscalls ?? [])
      .filter((rule) => applies(rule, subject))
      .map(({ name, names, action, errnoRet, args }) => {
        if (name && names?.length)
          throw invalid(
            "both 'name' and 'names' are specified in the seccomp profile, use either 'name' or 'names'",
          );
        return { names: name ? [name] : (names ?? []), action, errnoRet, args: args ?? undefined };
      }),
  };
}

function applies({ includes = {}, excludes = {} }: ProfileRule, { capabilities, kernel }: Subject): boolean {
  const reached = (version: string) => {
    const [major = 0, minor = 0] = version.split(".").map(Number);
    return kernel[0] > major || (kernel[0] === major && kernel[1] >= minor);
  };
  if (excludes.arches?.includes(GOARCH)) return false;
  if (excludes.caps?.some((name) => capabilities.includes(name))) return false;
  if (excludes.minKernel && reached(excludes.minKernel)) return false;
  if (includes.arches?.length && !includes.arches.includes(GOARCH)) return false;
  if (includes.caps && !includes.caps.every((name) => capabilities.includes(name))) return false;
  return !includes.minKernel || reached(includes.minKernel);
}
