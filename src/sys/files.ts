import { closeSync, constants, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { z } from "../../ffi/libc.ts";
import { shim } from "../../ffi/shim.ts";
import { check } from "./errors.ts";

const { O_DIRECTORY, O_RDONLY, O_NONBLOCK } = constants;
/** openat2(2) "resolve": `..`, absolute links and magic links do not lead out. */
const RESOLVE_NO_MAGICLINKS = 0x02;
const RESOLVE_IN_ROOT = 0x10;
const ENOENT = -2;
const ENOTDIR = -20;

/** Opens a folder; the fd is the caller's. Throws as node:fs does. */
export const openFolder = (path: string): number => openSync(path, O_RDONLY | O_DIRECTORY);

/**
 * The text of the file that `path` is for a process whose root is `root`; undefined when there is none. Links end inside
 * of it (openat2(2), Linux 5.6).
 */
export function readInRoot(root: string, path: string): string | undefined {
  const folder = openFolder(root);
  try {
    const flags = BigInt(O_RDONLY | O_NONBLOCK);
    const fd = shim().bk_openat2(folder, z(path), flags, 0, BigInt(RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS));
    if (fd === ENOENT || fd === ENOTDIR) return undefined;
    check("openat2", path, fd);
    try {
      return readFileSync(fd, "utf8");
    } finally {
      closeSync(fd);
    }
  } finally {
    closeSync(folder);
  }
}

/** Writes the file whole or not at all; `durable`: it is on the disk when this returns. */
export function writeWhole(path: string, text: string, { durable = false, mode = 0o600 } = {}): void {
  const temporary = `${path}.new`;
  writeFileSync(temporary, text, { mode });
  if (durable) {
    const fd = openSync(temporary, O_RDONLY);
    fsyncSync(fd);
    closeSync(fd);
  }
  renameSync(temporary, path);
}
