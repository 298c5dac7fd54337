const COUNTERS = ["bytes", "packets", "errors", "dropped"] as const;
/** Columns of /proc/PID/net/dev: eight of reception, then eight of transmission, each beginning with these four. */
const DIRECTIONS = { rx: 0, tx: 8 } as const;

/** /proc/PID/net/dev (proc_pid_net(5)) as Docker's stats have it. */
export function parseCounters(text: string): Record<string, Record<string, number>> {
  const all: Record<string, Record<string, number>> = {};
  for (const line of text.split("\n").slice(2)) {
    const [name = "", numbers] = line.split(":");
    if (numbers === undefined || name.trim() === "lo") continue;
    const columns = numbers.trim().split(/\s+/).map(Number);
    const counted: Record<string, number> = {};
    for (const [direction, first] of Object.entries(DIRECTIONS))
      COUNTERS.forEach((what, at) => {
        counted[`${direction}_${what}`] = columns[first + at] ?? 0;
      });
    all[name.trim()] = counted;
  }
  return all;
}
