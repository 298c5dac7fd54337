import type { HostConfig } from "../../api/container_config.ts";
import { readText } from "./environment.ts";

/** `--security-opt`: a seccomp profile is read here and goes to the engine as text. */
export function securityConfig(options: readonly string[]): HostConfig {
  if (options.length === 0) return {};
  const kept: string[] = [];
  let unconfined = false;
  for (const option of options) {
    const at = option.search(/[=:]/);
    const key = at < 0 ? option : option.slice(0, at);
    const value = at < 0 ? "" : option.slice(at + 1);
    if (value === "" && key !== "no-new-privileges")
      throw new Error(`Invalid --security-opt: ${JSON.stringify(option)}`);
    if (option === "systempaths=unconfined") unconfined = true;
    else if (key === "seccomp" && value !== "builtin" && value !== "unconfined")
      kept.push(`seccomp=${seccompProfile(value)}`);
    else kept.push(option);
  }
  return { SecurityOpt: kept, ...(unconfined && { MaskedPaths: [], ReadonlyPaths: [] }) };
}

function seccompProfile(path: string): string {
  let text: string;
  try {
    text = readText(path);
  } catch (cause) {
    throw new Error(`opening seccomp profile (${path}) failed: ${(cause as Error).message}`, { cause });
  }
  try {
    return JSON.stringify(JSON.parse(text));
  } catch (cause) {
    throw new Error(`compacting json for seccomp profile (${path}) failed: ${(cause as Error).message}`, {
      cause,
    });
  }
}
