import { type BigIntStats, chmodSync, constants, mkdirSync, readdirSync, renameSync } from "node:fs";
import {
  chmod,
  copyFile,
  lchown,
  link,
  lstat,
  lutimes,
  mkdir,
  readdir,
  readlink,
  rm,
  stat,
  symlink,
} from "node:fs/promises";
import { close, makeNode, openFolder, openInRoot } from "../sys/at.ts";
import { SyscallError } from "../sys/errors.ts";

/** Makes `<folder>/_data`. The outer folder is closed to other users: only the mounted inner one is for containers. */
export function makeData(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o701 });
  mkdirSync(`${folder}/_data`, { recursive: true });
  chmodSync(`${folder}/_data`, 0o755);
}

/** Takes the folder away at once (a new volume of that name starts empty) and deletes what it held in the background. */
export function removeData(root: string, name: string): void {
  const doomed = `${root}/.removed-${name}-${crypto.randomUUID()}`;
  try {
    renameSync(`${root}/${name}`, doomed);
  } catch {
    return; // was never made
  }
  void rm(doomed, { recursive: true, force: true }).catch(() => {
    // found again by `sweep` at the next start
  });
}

/** Deletes what an earlier daemon had begun to delete. */
export function sweep(root: string): void {
  for (const name of readdirSync(root))
    if (name.startsWith(".removed-")) void rm(`${root}/${name}`, { recursive: true, force: true });
}

export const isEmptyFolder = (path: string): boolean => readdirSync(path).length === 0;

/**
 * Fills an empty volume with what the image has at `destination`, the folder's own owner and mode too. `root` is where the
 * container's root file system is mounted; links in it lead nowhere else (openat2(2) RESOLVE_IN_ROOT). Nothing happens when
 * the image has no such folder.
 */
export async function copyUp(root: string, destination: string, data: string): Promise<void> {
  const top = openFolder(root);
  try {
    const from = openIn(top, destination);
    if (from === undefined) return;
    try {
      const source = `/proc/self/fd/${from}`;
      const made = new Map<string, string>();
      for (const name of await namesIn(source)) await copy(`${source}/${name}`, `${data}/${name}`, made);
      await imitate(data, await stat(source, { bigint: true }));
    } finally {
      close(from);
    }
  } finally {
    close(top);
  }
}

/** Undefined when there is no folder of that name. */
function openIn(top: number, destination: string): number | undefined {
  try {
    return openInRoot(top, Buffer.from(destination).toString("latin1"));
  } catch (error) {
    if (error instanceof SyscallError && (error.code === "ENOENT" || error.code === "ENOTDIR"))
      return undefined;
    throw error;
  }
}

/** Paths are kept to the byte, one character a byte: an image's names need not be UTF-8. */
const bytes = (path: string): Buffer => Buffer.from(path, "latin1");

const namesIn = async (folder: string): Promise<string[]> =>
  (await readdir(bytes(folder), { encoding: "buffer" })).map((name) => name.toString("latin1"));

/** `made` knows where a file with several names went first: the others become links to it. */
async function copy(from: string, to: string, made: Map<string, string>): Promise<void> {
  const info = await lstat(bytes(from), { bigint: true });
  const key = `${info.dev}:${info.ino}`;
  const first = info.isDirectory() ? undefined : made.get(key);
  if (first !== undefined) return link(bytes(first), bytes(to));
  if (info.isDirectory()) {
    await mkdir(bytes(to), 0o700);
    for (const name of await namesIn(from)) await copy(`${from}/${name}`, `${to}/${name}`, made);
  } else if (info.isSymbolicLink()) {
    await symlink((await readlink(bytes(from), { encoding: "buffer" })) as unknown as string, bytes(to));
  } else if (info.isFile()) {
    await copyFile(bytes(from), bytes(to), constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
  } else {
    makeSpecial(to, info);
  }
  if (info.nlink > 1n) made.set(key, to);
  await imitate(to, info);
}

function makeSpecial(path: string, info: BigIntStats): void {
  const slash = path.lastIndexOf("/");
  if (info.isSocket()) return; // a socket without its listener means nothing
  const folder = openFolder(bytes(path.slice(0, slash)).toString());
  try {
    const type = info.isFIFO() ? "fifo" : info.isBlockDevice() ? "block" : "char";
    makeNode(
      folder,
      path.slice(slash + 1),
      type,
      Number((info.rdev >> 8n) & 0xfffn),
      Number(info.rdev & 0xffn),
    );
  } finally {
    close(folder);
  }
}

/** Owner, mode and time of `info`: owner first, since chown(2) drops setuid and setgid. */
async function imitate(path: string, info: BigIntStats): Promise<void> {
  if (info.isSocket()) return;
  await lchown(bytes(path), Number(info.uid), Number(info.gid));
  if (!info.isSymbolicLink()) await chmod(bytes(path), Number(info.mode & 0o7777n));
  await lutimes(bytes(path), Number(info.atimeMs) / 1000, Number(info.mtimeMs) / 1000);
}
