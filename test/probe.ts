import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { command } from "./daemon.ts";

const SOURCE = join(import.meta.dir, "kernel/probe.c");
const PROBE = join(import.meta.dir, "../dist/probe");

/** The path of the static program that reports what becomes of system calls. Throws where it cannot be compiled. */
export async function probeProgram(): Promise<string> {
  mkdirSync(join(PROBE, ".."), { recursive: true });
  const flags = ["-std=c11", "-O2", "-static", "-Wall", "-Wextra", "-Werror"];
  const built = await command(["musl-gcc", ...flags, SOURCE, "-o", PROBE]);
  if (built.code !== 0) throw new Error(`${SOURCE}: ${built.stderr}`);
  return PROBE;
}

/** The ABIs of an x86-64 kernel, by the probe's names and the runtime-spec's, and how far their numbers go. */
export const ABIS = [
  ["64", "SCMP_ARCH_X86_64", 480],
  ["x32", "SCMP_ARCH_X32", 560],
  ["32", "SCMP_ARCH_X86", 480],
] as const;

/** `nr fate` lines: an errno, `s11` for a signal, `h` for a call that waits for ever. */
export const fates = (text: string): Map<number, string> =>
  new Map(
    text
      .trim()
      .split("\n")
      .map((line) => line.split(" "))
      .map(([nr, fate]) => [Number(nr), fate ?? ""]),
  );
