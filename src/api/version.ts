import { EngineError } from "../base/errors.ts";

/** The newest Engine API version served, and the one without prefix. */
export const API_VERSION = "1.51";
/** The oldest Engine API version served. */
export const MIN_API_VERSION = "1.24";

/** Orders `1.9` before `1.24`: below zero when `a` is older than `b`. Missing parts count as 0. */
export function compareVersions(a: string, b: string): number {
  const left = a.split(".");
  const right = b.split(".");
  for (let at = 0; at < Math.max(left.length, right.length); at++) {
    const difference = Number(left[at] ?? 0) - Number(right[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Throws `invalid` in Docker's words when the version in a request's path is not served. */
export function checkVersion(asked: string): void {
  if (compareVersions(asked, API_VERSION) > 0)
    throw new EngineError(
      "invalid",
      `client version ${asked} is too new. Maximum supported API version is ${API_VERSION}`,
    );
  if (compareVersions(asked, MIN_API_VERSION) < 0)
    throw new EngineError(
      "invalid",
      `client version ${asked} is too old. Minimum supported API version is ${MIN_API_VERSION}, please upgrade your client to a newer version`,
    );
}
