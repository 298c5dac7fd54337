import type { Dirent } from "node:fs";
import { lstat, readdir } from "node:fs/promises";

/** Bytes of all files and symbolic links below a folder, hard links once, as `docker ps -s` counts. Files may come and go meanwhile. */
export async function diskUse(folder: string): Promise<number> {
  const seen = new Set<number>();
  let total = 0;
  const folders: Buffer[] = [Buffer.from(folder)];
  for (let next = folders.pop(); next; next = folders.pop()) {
    for (const entry of await entriesOf(next)) {
      const path = Buffer.concat([next, SLASH, entry.name]);
      if (entry.isDirectory()) folders.push(path);
      if (!entry.isFile() && !entry.isSymbolicLink()) continue;
      const stats = await lstat(path).catch(() => undefined);
      if (!stats || (stats.nlink > 1 && seen.has(stats.ino))) continue;
      if (stats.nlink > 1) seen.add(stats.ino);
      total += stats.size;
    }
  }
  return total;
}

const SLASH = Buffer.from("/");

const entriesOf = (folder: Buffer): Promise<Dirent<Buffer>[]> =>
  readdir(folder, { withFileTypes: true, encoding: "buffer" }).catch(() => []);
