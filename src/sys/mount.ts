import { readFileSync } from "node:fs";

/** One line of /proc/PID/mountinfo, proc_pid_mountinfo(5). */
export interface Mounted {
  readonly id: number;
  readonly parent: number;
  /** What of the file system is seen at `target`. */
  readonly root: string;
  readonly target: string;
  readonly options: string;
  readonly type: string;
  readonly source: string;
}

const LINE = /^(\d+) (\d+) \S+ (\S+) (\S+) (\S+) .*?- (\S+) (\S+)/;

/** All mounts of a process, in the order of the kernel. */
export function mounts(pid: number | "self" = "self"): Mounted[] {
  const lines = readFileSync(`/proc/${pid}/mountinfo`, "utf8").split("\n");
  return lines.flatMap((line) => {
    const found = LINE.exec(line);
    if (!found) return [];
    const [, id, parent, root, target, options, type, source] = found as unknown as string[];
    return [
      {
        id: Number(id),
        parent: Number(parent),
        root: plain(root!),
        target: plain(target!),
        options: options!,
        type: type!,
        source: plain(source!),
      },
    ];
  });
}

/** Where the mount that holds `path` is mounted: the longest target that `path` lies beneath. */
export function mountPointOf(path: string, all: readonly Mounted[] = mounts()): string {
  let best = "/";
  for (const { target } of all)
    if ((path === target || path.startsWith(`${target}/`)) && target.length > best.length) best = target;
  return best;
}

/** Whether our "/" is the kernel's first root, which pivot_root(2) cannot leave. */
export function rootIsInitramfs(all: readonly Mounted[] = mounts()): boolean {
  return all.findLast(({ target }) => target === "/")?.type === "rootfs";
}

/** Spaces and the like are written as octal. */
const plain = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
