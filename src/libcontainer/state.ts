import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { writeWhole } from "../sys/files.ts";
import type { SeccompFilter } from "./process.ts";

/** What a later daemon must know of a container that runs; its pid is the monitor's to tell. */
export interface ContainerState {
  readonly id: string;
  /** Which boot of the machine it runs in: none of an earlier one is left. */
  readonly boot: string;
  readonly cgroup: string;
  /** The engine that started it: exec roots may be shared, and nobody sweeps what is another's. */
  readonly owner: string;
  /** Its first process' end ends all others. */
  readonly ownPids: boolean;
  readonly tty: boolean;
  /** For exec: it is confined as the container is. */
  readonly seccomp?: SeccompFilter;
}

interface Stored extends Omit<ContainerState, "seccomp"> {
  readonly seccomp?: { readonly program: string; readonly flags: number };
}

const FILE = "state.json";

let boot: string | undefined;

/** Of this machine's running kernel, random(4). */
export function bootId(): string {
  boot ??= readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  return boot;
}

/** A new, empty state folder; what an earlier run of the same container left is gone. */
export function makeFolder(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "EEXIST" && code !== "ENOENT") throw error;
    rmSync(path, { recursive: true, force: true });
    mkdirSync(path, { mode: 0o700, recursive: true });
  }
}

/** Not on the main thread: an unlink waits for the journal of a busy disk. */
export const removeFolder = (path: string): Promise<void> => rm(path, { recursive: true, force: true });

export function writeState(folder: string, state: ContainerState): void {
  const { seccomp } = state;
  const stored: Stored = {
    ...state,
    seccomp: seccomp && {
      program: Buffer.from(seccomp.program).toString("base64"),
      flags: seccomp.flags,
    },
  };
  writeWhole(join(folder, FILE), JSON.stringify(stored));
}

/** Undefined: there is none. */
export function readState(folder: string): ContainerState | undefined {
  let text: string;
  try {
    text = readFileSync(join(folder, FILE), "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  const { seccomp, ...state } = JSON.parse(text) as Stored;
  if (!seccomp) return state;
  const program = new Uint8Array(Buffer.from(seccomp.program, "base64"));
  return { ...state, seccomp: { program, flags: seccomp.flags } };
}
