import { type BigIntStats, constants, copyFileSync, lstatSync, readdirSync, readlinkSync } from "node:fs";
import { unsupported } from "../base/errors.ts";
import * as at from "../sys/at.ts";

/** Paths to the byte: one character a byte. */
const bytes = (path: string): Buffer => Buffer.from(path, "latin1");

const NODES: Readonly<Record<number, "char" | "block" | "fifo">> = {
  [constants.S_IFCHR]: "char",
  [constants.S_IFBLK]: "block",
  [constants.S_IFIFO]: "fifo",
};

/**
 * Copies the content of a tree that nobody changes meanwhile into the existing folder `to`: owners, modes, times,
 * xattrs, devices, fifos, and hard links within it. Blocks: for a Worker.
 */
export function copyTree(from: string, to: string): undefined {
  const source = Buffer.from(from).toString("latin1");
  const target = Buffer.from(to).toString("latin1");
  copyFolder(source, target, new Map());
  const parent = at.openFolder(to);
  const own = at.openFolder(from);
  try {
    finish({ dir: own, name: "." }, { dir: parent, name: "." }, lstatSync(bytes(source), { bigint: true }));
  } finally {
    at.close(own);
    at.close(parent);
  }
}

interface Place {
  readonly dir: number;
  readonly name: string;
}

function copyFolder(from: string, to: string, links: Map<bigint, string>): void {
  const source = at.openFolder(bytes(from));
  const target = at.openFolder(bytes(to));
  try {
    for (const child of readdirSync(bytes(from), { encoding: "buffer" })) {
      const name = child.toString("latin1");
      const stats = lstatSync(bytes(`${from}/${name}`), { bigint: true });
      const linked = stats.nlink > 1n && !stats.isDirectory();
      const first = linked ? links.get(stats.ino) : undefined;
      if (first !== undefined) {
        hardLink(first, target, name);
        continue;
      }
      if (linked) links.set(stats.ino, `${to}/${name}`);
      copyOne(`${from}/${name}`, `${to}/${name}`, target, name, stats, links);
      finish({ dir: source, name }, { dir: target, name }, stats);
    }
  } finally {
    at.close(source);
    at.close(target);
  }
}

function copyOne(
  from: string,
  to: string,
  dir: number,
  name: string,
  stats: BigIntStats,
  links: Map<bigint, string>,
): void {
  if (stats.isDirectory()) {
    at.makeFolder(dir, name, 0o700);
    copyFolder(from, to, links);
  } else if (stats.isSymbolicLink()) {
    at.symlink(readlinkSync(bytes(from), { encoding: "buffer" }).toString("latin1"), dir, name);
  } else if (stats.isFile()) {
    copyFileSync(bytes(from), bytes(to), constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
  } else {
    const node = NODES[Number(stats.mode) & constants.S_IFMT];
    if (!node) throw unsupported(`${bytes(from)} is a socket, which cannot be copied`);
    at.makeNode(dir, name, node, major(stats.rdev), minor(stats.rdev));
  }
}

/** Owner, mode, xattrs, times: in this order, since each drops something of the next. */
function finish(from: Place, to: Place, stats: BigIntStats): void {
  at.own(to.dir, to.name, Number(stats.uid), Number(stats.gid));
  if (!stats.isSymbolicLink()) at.setMode(to.dir, to.name, Number(stats.mode) & 0o7777);
  for (const [xattr, value] of at.xattrs(from.dir, from.name)) at.setXattr(to.dir, to.name, xattr, value);
  at.setTimes(to.dir, to.name, Number(stats.mtimeNs / NANOS), Number(stats.mtimeNs % NANOS));
}

function hardLink(first: string, dir: number, name: string): void {
  const slash = first.lastIndexOf("/");
  const from = at.openFolder(bytes(first.slice(0, slash)));
  try {
    at.link(from, first.slice(slash + 1), dir, name);
  } finally {
    at.close(from);
  }
}

const NANOS = 1_000_000_000n;

/** makedev(3) taken apart. */
export const major = (device: bigint): number =>
  Number(((device >> 8n) & 0xfffn) | ((device >> 32n) & ~0xfffn));
export const minor = (device: bigint): number => Number((device & 0xffn) | ((device >> 12n) & 0xffffff00n));
