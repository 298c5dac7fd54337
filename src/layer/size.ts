import { lstat, readdir } from "node:fs/promises";

/** Bytes of all files and symbolic links below a folder, hard links once, as `docker ps -s` counts. Files may come and go meanwhile. */
export async function diskUse(folder: string): Promise<number> {
  const seen = new Set<number>();
  let total = 0;
  const folders: Buffer[] = [Buffer.from(folder)];
  for (let next = folders.pop(); next; next = folders.pop()) {
    for (const name of await namesIn(next)) {
      const path = Buffer.concat([next, SLASH, name]);
      const stats = await lstat(path).catch(() => undefined);
      if (stats?.isDirectory()) folders.push(path);
      if (!stats?.isFile() && !stats?.isSymbolicLink()) continue;
      if (stats.nlink > 1 && seen.has(stats.ino)) continue;
      if (stats.nlink > 1) seen.add(stats.ino);
      total += stats.size;
    }
  }
  return total;
}

const SLASH = Buffer.from("/");

/** Names to the byte. Bun 1.4 gives no `Dirent` for them, whatever is asked for. */
const namesIn = (folder: Buffer): Promise<Buffer[]> =>
  readdir(folder, { encoding: "buffer" }).catch(() => []);
