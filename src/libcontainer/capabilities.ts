import { readFileSync } from "node:fs";
import { invalid } from "../base/errors.ts";
import { CAPABILITIES } from "../oci/capabilities.ts";

let last: number | undefined;

/** The number of the highest capability of this kernel (`/proc/sys/kernel/cap_last_cap`, Linux 3.2). */
export function lastCapability(): number {
  last ??= Number(readFileSync("/proc/sys/kernel/cap_last_cap", "utf8"));
  return last;
}

/**
 * One bit a name, as capset(2) takes them. A capability that is known but newer than this kernel is left out, as runc does.
 * Throws `invalid` for a name that no kernel has.
 */
export function capabilityMask(names: readonly string[], highest = lastCapability()): bigint {
  let mask = 0n;
  for (const name of names) {
    const bit = CAPABILITIES.indexOf(name);
    if (bit < 0) throw invalid(`unknown capability "${name}"`);
    if (bit <= highest) mask |= 1n << BigInt(bit);
  }
  return mask;
}

/** The names of the bits in `mask`, lowest bit first; a bit without a name is `CAP_n`. */
export function capabilityNames(mask: bigint): string[] {
  const names: string[] = [];
  for (let bit = 0; mask >> BigInt(bit) > 0n; bit++)
    if ((mask >> BigInt(bit)) & 1n) names.push(CAPABILITIES[bit] ?? `CAP_${bit}`);
  return names;
}
