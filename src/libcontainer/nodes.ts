import { existsSync } from "node:fs";
import { invalid } from "../base/errors.ts";
import type { Device, Spec } from "../oci/runtime.ts";
import type { Step } from "../sys/steps.ts";
import * as steps from "../sys/steps.ts";

const TYPE: Record<Device["type"], number> = { c: 0o020000, u: 0o020000, b: 0o060000, p: 0o010000 };
const DEFAULT_MODE = 0o666;

/** runtime-spec config-linux.md "Default Devices" */
const DEFAULTS: readonly Device[] = [
  { path: "/dev/null", type: "c", major: 1, minor: 3 },
  { path: "/dev/zero", type: "c", major: 1, minor: 5 },
  { path: "/dev/full", type: "c", major: 1, minor: 7 },
  { path: "/dev/random", type: "c", major: 1, minor: 8 },
  { path: "/dev/urandom", type: "c", major: 1, minor: 9 },
  { path: "/dev/tty", type: "c", major: 5, minor: 0 },
];

const KCORE = "/proc/kcore";
const LINKS: readonly (readonly [string, string])[] = [
  ["/dev/ptmx", "pts/ptmx"],
  ["/dev/fd", "/proc/self/fd"],
  ["/dev/stdin", "/proc/self/fd/0"],
  ["/dev/stdout", "/proc/self/fd/1"],
  ["/dev/stderr", "/proc/self/fd/2"],
  ["/dev/core", KCORE],
];

/** dev_t as makedev(3) makes it. */
const deviceNumber = (major: number, minor: number): bigint =>
  (BigInt(major & 0xfffff000) << 32n) |
  BigInt((major & 0xfff) << 8) |
  (BigInt(minor & 0xffffff00) << 12n) |
  BigInt(minor & 0xff);

/** The nodes and links of /dev; none when a folder of the host is bound there. */
export function deviceSteps(spec: Spec): Step[] {
  const bound = spec.mounts.some(
    ({ destination, type, options }) =>
      destination.replace(/\/+$/, "") === "/dev" &&
      (type === "bind" || /\br?bind\b/.test((options ?? []).join())),
  );
  if (bound) return [];
  const byPath = new Map([...DEFAULTS, ...(spec.linux.devices ?? [])].map((device) => [device.path, device]));
  byPath.delete("/dev/ptmx"); // its own terminals, not the host's
  // a kernel without CONFIG_PROC_KCORE gets no link to nowhere (runc's setupDevSymlinks)
  const links = LINKS.filter(([, says]) => says !== KCORE || existsSync(KCORE));
  return [...[...byPath.values()].map(nodeStep), ...links.map(([path, says]) => steps.symlink(path, says))];
}

function nodeStep({ path, type, major = 0, minor = 0, fileMode, uid = 0, gid = 0 }: Device): Step {
  if (!path.startsWith("/") || path.endsWith("/")) throw invalid(`device path ${path} is not absolute`);
  const mode = TYPE[type] | ((fileMode ?? DEFAULT_MODE) & 0o7777);
  return steps.mknod(path, mode, type === "p" ? 0n : deviceNumber(major, minor), uid, gid);
}
