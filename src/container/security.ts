import { internal } from "../base/errors.ts";

/** What `--security-opt` asks for. */
export interface SecurityOptions {
  readonly noNewPrivileges: boolean;
  /** `unconfined`, `builtin` or a profile as JSON; undefined: the default. */
  readonly seccomp?: string;
  readonly apparmor?: string;
  /** No masked and no read-only paths. */
  readonly unconfinedPaths: boolean;
  readonly writableCgroups: boolean;
}

const BOOLEANS: Record<string, boolean> = {
  "1": true,
  t: true,
  true: true,
  "0": false,
  f: false,
  false: false,
};

/** `name=value`, and `name:value` of old. Docker answers 500 to what it does not know. */
export function securityOptions(options: readonly string[]): SecurityOptions {
  const found = { noNewPrivileges: false, unconfinedPaths: false, writableCgroups: false };
  const texts: { seccomp?: string; apparmor?: string } = {};
  for (const option of options) {
    if (option === "no-new-privileges") {
      found.noNewPrivileges = true;
      continue;
    }
    const at = option.includes("=") ? option.indexOf("=") : option.indexOf(":");
    if (at < 0) throw internal(`invalid --security-opt 1: ${JSON.stringify(option)}`);
    const value = option.slice(at + 1);
    const bool = BOOLEANS[value.toLowerCase()];
    switch (option.slice(0, at)) {
      case "label": // SELinux, which this engine does not speak: without meaning, as on every host without it
        continue;
      case "apparmor":
        texts.apparmor = value;
        continue;
      case "seccomp":
        texts.seccomp = value;
        continue;
      case "no-new-privileges":
        if (bool === undefined) break;
        found.noNewPrivileges = bool;
        continue;
      case "writable-cgroups":
        if (bool === undefined) break;
        found.writableCgroups = bool;
        continue;
      case "systempaths":
        if (value !== "unconfined") break;
        found.unconfinedPaths = true;
        continue;
    }
    throw internal(`invalid --security-opt 2: ${JSON.stringify(option)}`);
  }
  return { ...found, ...texts };
}

/** The profile that is set at exec; on a host without AppArmor its name has no meaning, as in Docker. */
export const apparmorProfile = (
  option: string | undefined,
  host: { apparmor: boolean },
): string | undefined => (host.apparmor && option !== "unconfined" ? option || undefined : undefined);
