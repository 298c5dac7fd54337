import { readdirSync, readFileSync, rmdirSync } from "node:fs";

/** The name of a failed system call's error, of node:fs's errors too. */
export const errorCode = (error: unknown): string | undefined =>
  error instanceof Error && "code" in error ? String(error.code) : undefined;

/** What the kernel takes to let go of dead processes or to freeze living ones: tried every 5 ms for a second. */
const TRIES = 200;
const PAUSE_MILLISECONDS = 5;

/** Whether `attempt` came true. The first try is made at once. */
export async function retry(attempt: () => boolean): Promise<boolean> {
  for (let i = 0; i < TRIES; i++) {
    if (attempt()) return true;
    await Bun.sleep(PAUSE_MILLISECONDS);
  }
  return false;
}

/**
 * Removes a cgroup and those beneath it, deepest first (`empty`: only if nothing is beneath it). True when it is gone,
 * false when something in it still lives.
 */
export function removeTree(directory: string, { empty = false } = {}): boolean {
  try {
    rmdirSync(directory);
    return true;
  } catch (error) {
    if (errorCode(error) === "ENOENT") return true;
    if (errorCode(error) !== "EBUSY" && errorCode(error) !== "ENOTEMPTY") throw error;
  }
  const children = empty ? [] : childrenOf(directory);
  if (children.length === 0 || !children.map((child) => removeTree(child)).every(Boolean)) return false;
  return removeTree(directory, { empty: true });
}

/** Processes of a cgroup and of all beneath it, ascending; none when it does not exist. */
export function listed(directory: string): number[] {
  const pids = new Set<number>();
  collect(directory, pids);
  return [...pids].sort((a, b) => a - b);
}

function collect(directory: string, pids: Set<number>): void {
  try {
    for (const pid of readFileSync(`${directory}/cgroup.procs`, "utf8").split("\n"))
      if (pid) pids.add(Number(pid));
    for (const child of childrenOf(directory)) collect(child, pids);
  } catch (error) {
    if (errorCode(error) !== "ENOENT" && errorCode(error) !== "ENODEV") throw error;
  }
}

const childrenOf = (directory: string): string[] =>
  readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => `${directory}/${entry.name}`);

/** One that has ended meanwhile is no error. */
export function signalAll(pids: readonly number[], signal: number): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch (error) {
      if (errorCode(error) !== "ESRCH") throw error;
    }
  }
}

/** `key number` lines, as memory.stat and cpu.stat have them. */
export function keyed(text: string): Record<string, number> {
  const values: Record<string, number> = {};
  for (const line of text.split("\n")) {
    const space = line.indexOf(" ");
    if (space > 0) values[line.slice(0, space)] = Number(line.slice(space + 1));
  }
  return values;
}
