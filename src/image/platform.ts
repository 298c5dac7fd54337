import type { Descriptor, Platform } from "../oci/image.ts";

/** Go's name of this machine's architecture, as images have it. */
const ARCHITECTURE: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64", ia32: "386" };

export const HOST_PLATFORM: Platform = {
  os: "linux",
  architecture: ARCHITECTURE[process.arch] ?? process.arch,
};

/** `linux/arm64/v8` taken apart; undefined when it is no platform. */
export function parsePlatform(text: string): Platform | undefined {
  const found = /^([a-z0-9_]+)\/([a-z0-9_]+)(?:\/([a-z0-9_]+))?$/.exec(text.toLowerCase());
  if (!found) return undefined;
  const alias: Readonly<Record<string, string>> = { x86_64: "amd64", "x86-64": "amd64", aarch64: "arm64" };
  const architecture = alias[found[2]!] ?? found[2]!;
  return { os: found[1]!, architecture, ...(found[3] === undefined ? {} : { variant: found[3] }) };
}

export const platformText = (platform: Platform): string =>
  [platform.os, platform.architecture, platform.variant].filter(Boolean).join("/");

/**
 * The manifest of an index that a machine runs best: same system and architecture, the highest variant up to its own.
 * Attestations (`unknown/unknown`) are no images. An entry without a platform is taken when nothing better is there.
 */
export function chosen(
  manifests: readonly Descriptor[],
  wanted: Platform = HOST_PLATFORM,
): Descriptor | undefined {
  const fitting = manifests.filter(
    ({ platform, annotations }) =>
      annotations?.["vnd.docker.reference.type"] !== "attestation-manifest" &&
      platform?.os === wanted.os &&
      platform.architecture === wanted.architecture &&
      rank(platform) <= limit(wanted),
  );
  const best = fitting.toSorted((a, b) => rank(b.platform!) - rank(a.platform!))[0];
  return best ?? manifests.find((manifest) => !manifest.platform);
}

/** v1 of amd64, v8 of arm64 are what an entry without a variant is. */
function rank({ architecture, variant }: Platform): number {
  if (variant === undefined || variant === "")
    return architecture === "arm64" ? 8 : architecture === "arm" ? 7 : 1;
  return Number(/\d+/.exec(variant)?.[0] ?? 1);
}

/** What the machine can run: amd64 v1 only is promised by every processor. */
const limit = (wanted: Platform): number =>
  wanted.variant === undefined && wanted.architecture === "arm64" ? 9 : rank(wanted);
