import { existsSync, readFileSync } from "node:fs";
import { invalid, messageOf } from "../base/errors.ts";
import type { DaemonFlag } from "./flag.ts";
import { DAEMON_FLAGS } from "./flags.ts";

/** What a configuration file says, by the names of the flags. */
export type Directives = Readonly<Record<string, unknown>>;

/** The file's own nesting: `proxies` holds what are three flags. */
const NESTED = "proxies";

/** The flag of each key that may stand in the file. */
const FLAG_OF = new Map(
  (Object.entries(DAEMON_FLAGS) as [string, DaemonFlag<unknown>][])
    .filter(([, flag]) => flag.file !== null)
    .map(([name, flag]) => [flag.file ?? name, name]),
);

/**
 * Reads daemon.json. A missing file is an empty one, unless it was `named`.
 * Throws `invalid` for what is no JSON, for keys that are no settings, and for values of the wrong kind.
 */
export function readDirectives(path: string, named: boolean): Directives {
  if (!existsSync(path)) {
    if (named) throw unable(path, `open ${path}: no such file or directory`);
    return {};
  }
  const keys = flattened(parsed(path, readFileSync(path, "utf8")));
  const unknown = Object.keys(keys).filter((key) => !FLAG_OF.has(key));
  if (unknown.length > 0)
    throw unable(
      path,
      `the following directives don't match any configuration option: ${unknown.sort().join(", ")}`,
    );
  return Object.fromEntries(
    Object.entries(keys).map(([key, value]) => [FLAG_OF.get(key)!, read(path, key, value)]),
  );
}

function parsed(path: string, text: string): Record<string, unknown> {
  if (text.trim() === "") return {};
  let value: unknown;
  try {
    value = JSON.parse(text.replace(/^\uFEFF/, ""));
  } catch (error) {
    throw unable(path, `invalid JSON: ${messageOf(error).replace(/^JSON Parse error: /, "")}`);
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return { ...value };
  throw unable(path, "invalid JSON: must be an object");
}

function flattened(keys: Record<string, unknown>): Record<string, unknown> {
  const { [NESTED]: proxies, ...rest } = keys;
  return typeof proxies === "object" && proxies !== null ? { ...rest, ...proxies } : keys;
}

function read(path: string, key: string, value: unknown): unknown {
  const flag = DAEMON_FLAGS[FLAG_OF.get(key) as keyof typeof DAEMON_FLAGS] as DaemonFlag<unknown>;
  try {
    return flag.read(value);
  } catch (error) {
    throw unable(path, `${key}: ${messageOf(error)}`);
  }
}

/** Whatever is wrong with the file, in dockerd's words. */
export const unable = (path: string, reason: string) =>
  invalid(`unable to configure the Docker daemon with file ${path}: ${reason}`);
