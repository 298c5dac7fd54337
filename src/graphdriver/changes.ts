import { type BigIntStats, lstatSync, readdirSync, readlinkSync } from "node:fs";
import { isOpaque } from "../sys/at.ts";
import type { Change, ChangeKind } from "./driver.ts";

/** Names to the byte: one character a byte. */
const bytes = (path: string): Buffer => Buffer.from(path, "latin1");
const childrenOf = (folder: string): string[] =>
  readdirSync(bytes(folder), { encoding: "buffer" }).map((name) => name.toString("latin1"));
const look = (path: string): BigIntStats | undefined =>
  lstatSync(bytes(path), { bigint: true, throwIfNoEntry: false });

const MODIFIED: ChangeKind = 0;
const ADDED: ChangeKind = 1;
const DELETED: ChangeKind = 2;

/** Entries looked at before others get their turn on the loop. */
const TURN = 256;

class Changes {
  readonly list: Change[] = [];
  #looked = 0;

  add(kind: ChangeKind, path: string): void {
    this.list.push({ kind, path: bytes(path).toString() });
  }

  async step(): Promise<void> {
    if (++this.#looked % TURN === 0) await new Promise<void>((resolve) => void setImmediate(resolve));
  }

  sorted(): Change[] {
    return this.list.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
  }
}

/** What the upper folder of an overlay changed in the lower ones, topmost first. Reads the folders, needs no mount. */
export async function overlayChanges(upper: string, lower: readonly string[]): Promise<Change[]> {
  const changes = new Changes();
  await upperFolder(changes, text(upper), { below: lower.map(text), path: "", opaque: false });
  return changes.sorted();
}

const text = (path: string): string => Buffer.from(path).toString("latin1");

interface At {
  /** The lower folders that are merged at this path, or would be. */
  readonly below: readonly string[];
  readonly path: string;
  /** Nothing of them is seen: this folder, or one above it, hides all. */
  readonly opaque: boolean;
}

/** True when something in it changed. */
async function upperFolder(changes: Changes, upper: string, { below, path, opaque }: At): Promise<boolean> {
  let changed = false;
  for (const name of childrenOf(upper)) {
    await changes.step();
    const child = { below: merged(below, name), path: `${path}/${name}`, opaque };
    if (await upperEntry(changes, `${upper}/${name}`, child)) changed = true;
  }
  return changed;
}

interface Below {
  /** What the name is below, when it is there. */
  readonly stats: BigIntStats | undefined;
  readonly folders: readonly string[];
  /** The nearest one, whatever it is. */
  readonly place: string;
}

/** What a name is in merged folders: the nearest wins, folders merge until something hides the rest. */
function merged(below: readonly string[], name: string): Below {
  let stats: BigIntStats | undefined;
  let place = "";
  const folders: string[] = [];
  for (const folder of below) {
    const candidate = `${folder}/${name}`;
    const found = look(candidate);
    if (!found) continue;
    if (isWhiteout(found)) break;
    if (stats && !found.isDirectory()) break;
    stats ??= found;
    place ||= candidate;
    if (!found.isDirectory()) break;
    folders.push(candidate);
    if (isOpaque(bytes(candidate))) break;
  }
  return { stats, folders, place };
}

const isWhiteout = (stats: BigIntStats): boolean => stats.isCharacterDevice() && stats.rdev === 0n;

interface EntryAt {
  readonly below: Below;
  readonly path: string;
  readonly opaque: boolean;
}

async function upperEntry(
  changes: Changes,
  upper: string,
  { below, path, ...above }: EntryAt,
): Promise<boolean> {
  const stats = look(upper);
  if (!stats) return false;
  if (isWhiteout(stats)) {
    if (below.stats) changes.add(DELETED, path);
    return below.stats !== undefined;
  }
  if (!stats.isDirectory()) {
    changes.add(below.stats ? MODIFIED : ADDED, path);
    return true;
  }
  const opaque = above.opaque || isOpaque(bytes(upper));
  const inside = await upperFolder(changes, upper, { below: below.folders, path, opaque });
  const hidden = opaque && deleted(changes, upper, below.folders, path);
  const same =
    below.stats?.isDirectory() && sameKind(stats, below.stats) && stats.mtimeNs === below.stats.mtimeNs;
  if (same && !inside && !hidden) return false;
  changes.add(below.stats ? MODIFIED : ADDED, path);
  return true;
}

/** Names that only the folders below an opaque one have. */
function deleted(changes: Changes, upper: string, below: readonly string[], path: string): boolean {
  const kept = new Set(childrenOf(upper));
  const names = new Set(below.flatMap(childrenOf).filter((name) => !kept.has(name)));
  let any = false;
  for (const name of names) {
    if (!merged(below, name).stats) continue;
    changes.add(DELETED, `${path}/${name}`);
    any = true;
  }
  return any;
}

/**
 * What differs between two whole trees; without `before` all is added. Paths of `expected` may be there or not: only what
 * is in them counts.
 */
export async function treeChanges(
  before: string | undefined,
  after: string,
  expected: ReadonlySet<string> = new Set(),
): Promise<Change[]> {
  const changes = new TreeChanges(expected);
  await treeFolder(changes, before === undefined ? undefined : text(before), text(after), "");
  return changes.sorted();
}

class TreeChanges extends Changes {
  readonly expected: ReadonlySet<string>;

  constructor(expected: ReadonlySet<string>) {
    super();
    this.expected = expected;
  }
}

async function treeFolder(
  changes: TreeChanges,
  before: string | undefined,
  after: string,
  path: string,
): Promise<boolean> {
  const were = new Set(before === undefined ? [] : childrenOf(before));
  let changed = false;
  for (const name of childrenOf(after)) {
    await changes.step();
    const was = were.delete(name) ? `${before}/${name}` : undefined;
    if (await treeEntry(changes, was, `${after}/${name}`, `${path}/${name}`)) changed = true;
  }
  for (const name of were) {
    changes.add(DELETED, `${path}/${name}`);
    changed = true;
  }
  return changed;
}

async function treeEntry(
  changes: TreeChanges,
  before: string | undefined,
  after: string,
  path: string,
): Promise<boolean> {
  const stats = look(after);
  const old = before === undefined ? undefined : look(before);
  if (!stats) return false;
  const folder = stats.isDirectory();
  const inside = folder && (await treeFolder(changes, old?.isDirectory() ? before : undefined, after, path));
  const expected = !old && changes.expected.has(path);
  if (expected && !inside) return false;
  if (!old && !expected) changes.add(ADDED, path);
  else if (!old || inside || !sameFile(stats, old, after, before!)) changes.add(MODIFIED, path);
  else return false;
  return true;
}

/** Times to the second when one side has no fraction of it: it came from a tar without. */
function sameFile(a: BigIntStats, b: BigIntStats, pathA: string, pathB: string): boolean {
  if (!sameKind(a, b)) return false;
  const whole = a.mtimeNs % 1_000_000_000n === 0n || b.mtimeNs % 1_000_000_000n === 0n;
  const grain = whole ? 1_000_000_000n : 1n;
  if (a.mtimeNs / grain !== b.mtimeNs / grain) return false;
  if (a.isDirectory()) return true;
  if (a.isSymbolicLink()) return readlinkSync(bytes(pathA)) === readlinkSync(bytes(pathB));
  return a.size === b.size;
}

const sameKind = (a: BigIntStats, b: BigIntStats): boolean =>
  a.mode === b.mode && a.uid === b.uid && a.gid === b.gid && a.rdev === b.rdev;
