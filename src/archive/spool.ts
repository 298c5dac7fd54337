import { closeSync, fsyncSync, openSync, writeSync } from "node:fs";

/** Keeps a tar as a file until its layer can be filled: drivers that copy need the layers below it first. */
export async function spool(
  path: string,
  chunks: AsyncIterable<Uint8Array>,
): Promise<{ size: number; root: boolean }> {
  const fd = openSync(path, "wx", 0o600);
  let size = 0;
  try {
    for await (const chunk of chunks) {
      for (let done = 0; done < chunk.length; ) done += writeSync(fd, chunk, done, chunk.length - done);
      size += chunk.length;
    }
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  return { size, root: false };
}
