import { dlopen, FFIType as T } from "bun:ffi";
import { closeSync, existsSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";

/** The system call's number: libc has a function of this name since glibc 2.27 only. */
const MEMFD_CREATE = process.arch === "arm64" ? 279 : 319;
/** memfd_create(2) flags; MFD_EXEC since Linux 6.3, needed where vm.memfd_noexec is set. */
const MFD_CLOEXEC = 1;
const MFD_ALLOW_SEALING = 2;
const MFD_EXEC = 0x10;
/** fcntl(2): F_ADD_SEALS with SEAL | SHRINK | GROW | WRITE: nobody, not even we, can change it any more. */
const F_ADD_SEALS = 1033;
const ALL_SEALS = 0xf;

/** The root of what `bun build --compile` embeds; from source the same files stand in dist/. */
const EMBEDDED = "/$bunfs/root";

let shim: number | undefined;
let monitor: number | undefined;

/** A path that dlopen takes, of the C shim in a sealed memfd: nothing is ever written to a temporary folder. */
export function shimPath(): string {
  shim ??= sealed("shim.so");
  return `/proc/self/fd/${shim}`;
}

/** The monitor's executable in a sealed memfd, close-on-exec, open as long as we live: for execveat(2). */
export function monitorFd(): number {
  monitor ??= sealed("monitor");
  return monitor;
}

/** The image `hello` as a Docker archive (`docker load`). */
export const helloImage = (): Uint8Array => artefact("hello.tar");

function artefact(name: string): Uint8Array {
  if (import.meta.dir.startsWith(EMBEDDED))
    return readFileSync(`${EMBEDDED}/${name.includes(".") ? name : `${name}.`}`); // Bun's naming: `[name].[ext]`
  const built = join(import.meta.dir, "../dist", name);
  if (!existsSync(built)) throw new Error(`dist/${name} is missing: run \`bun build.ts --artefacts\` first`);
  return readFileSync(built);
}

function sealed(name: string): number {
  const { symbols: libc, close } = dlopen("libc.so.6", {
    syscall: { args: [T.i64, T.cstring, T.u64], returns: T.i64_fast },
    fcntl: { args: [T.i32, T.i32, T.i32], returns: T.i32 },
  });
  try {
    const label = Buffer.from(`bunker-${name}\0`);
    const flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
    let fd = Number(libc.syscall(MEMFD_CREATE, label, flags | MFD_EXEC));
    if (fd < 0) fd = Number(libc.syscall(MEMFD_CREATE, label, flags)); // EINVAL: before Linux 6.3 every memfd may be executed
    if (fd < 0) throw new Error(`memfd_create(${name}) failed`);
    fill(fd, artefact(name));
    if (libc.fcntl(fd, F_ADD_SEALS, ALL_SEALS) !== 0) throw new Error(`memfd ${name}: cannot be sealed`);
    return fd;
  } finally {
    close();
  }
}

function fill(fd: number, bytes: Uint8Array): void {
  try {
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}
