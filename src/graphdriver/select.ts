import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statfsSync } from "node:fs";
import { join } from "node:path";
import { EngineError, messageOf, unsupported } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { detach, filesystemName, mountOverlay } from "../sys/overlay.ts";
import type { GraphDriver } from "./driver.ts";
import { Overlay2 } from "./overlay2.ts";
import { Vfs } from "./vfs.ts";

export interface Choice {
  /** The data root; a driver's home is a folder of its name in it. */
  readonly root: string;
  /** `--storage-driver`; else DOCKER_DRIVER; else what was used before; else the first that works. */
  readonly wanted?: string;
  readonly environment?: string;
  readonly log: Log;
}

/** In the order in which they are tried. */
const OURS = ["overlay2", "vfs"] as const;
type Ours = (typeof OURS)[number];

/** Drivers that people know and this engine does not have, and why. */
const OTHERS: Readonly<Record<string, string>> = {
  aufs: "aufs never became part of Linux and Docker itself dropped it",
  devicemapper:
    "devicemapper was given up by Docker itself: it loses space and data when its loop files fill",
  overlay: "overlay is the predecessor of overlay2 and runs out of inodes",
  btrfs: "btrfs snapshots are not built yet",
  zfs: "zfs snapshots are not built yet",
  "fuse-overlayfs": "fuse-overlayfs needs a program beside the engine",
};

/**
 * The graph driver of this host. What an earlier run chose is kept, since its images live there.
 * Throws `unsupported` with the reason when a named driver cannot be had.
 */
export function selectDriver(choice: Choice): GraphDriver {
  const wanted = choice.wanted || choice.environment;
  const before = OURS.filter((name) => used(join(choice.root, name)));
  if (wanted) {
    const other = before.find((name) => name !== wanted);
    const driver = make(known(wanted), choice);
    if (other && !before.includes(driver.name as Ours)) throw usedBefore(choice.root, other, wanted);
    return driver;
  }
  if (before.length > 1)
    throw new EngineError(
      "conflict",
      `${choice.root} contains several valid graphdrivers: ${before.join(", ")}; cleanup or explicitly choose storage driver (-s <DRIVER>)`,
    );
  if (before[0]) return make(before[0], choice);
  return firstThatWorks(choice);
}

function firstThatWorks(choice: Choice): GraphDriver {
  try {
    return make("overlay2", choice);
  } catch (error) {
    choice.log.warn("overlay2 cannot be had here, taking vfs: layers are whole copies", {
      reason: messageOf(error),
    });
    return make("vfs", choice);
  }
}

function known(name: string): Ours {
  const ours = OURS.find((own) => own === name);
  if (ours) return ours;
  const reason = OTHERS[name];
  if (reason)
    throw unsupported(`storage driver ${name} is not supported: ${reason}; use ${OURS.join(" or ")}`);
  throw unsupported(`unknown storage driver ${name}: use ${OURS.join(" or ")}`);
}

const usedBefore = (root: string, before: string, wanted: string) =>
  new EngineError(
    "conflict",
    `storage driver ${wanted} was asked for, but ${root} is in use with ${before}: keep it, remove its images and containers first, or choose another data root (--data-root)`,
  );

function make(name: Ours, choice: Choice): GraphDriver {
  const home = join(choice.root, name);
  if (name === "vfs") return new Vfs(home);
  mkdirSync(choice.root, { recursive: true });
  const filesystem = filesystemName(statfsSync(choice.root).type);
  probe(choice.root, filesystem);
  return new Overlay2(home, filesystem);
}

/** Mounts one overlay for a moment: the kernel knows best. */
function probe(root: string, filesystem: string): void {
  if (process.getuid?.() !== 0)
    throw unsupported("storage driver overlay2 is not supported here: it needs root");
  const place = mkdtempSync(join(root, ".overlay-"));
  const [lower, upper, work, merged] = ["lower", "upper", "work", "merged"].map((name) => join(place, name));
  try {
    for (const folder of [lower, upper, work, merged]) mkdirSync(folder!);
    mountOverlay(merged!, place, { lower: [lower!], upper: upper!, work: work! });
    detach(merged!);
  } catch (error) {
    throw unsupported(
      `storage driver overlay2 is not supported here: ${messageOf(error)} with ${filesystem} below; use vfs, or a data root on ext4 or xfs`,
    );
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

/** True when a driver's home holds a layer. */
const used = (home: string): boolean =>
  existsSync(home) && readdirSync(home).some((name) => name !== "trash" && name !== "init");
