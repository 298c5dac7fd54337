import { existsSync, readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { join } from "node:path";

/**
 * What a kernel test looks at before and after itself. Everything that bears one of `marks` (a path, a bridge's name, an
 * address range, a cgroup parent) counts; with `everything` (BUNKER_CENSUS=everything: the gate sets it where no other engine runs) all of the host.
 */
export interface Scope {
  readonly marks: readonly string[];
  /** Folders whose files are listed. */
  readonly roots?: readonly string[];
  readonly everything?: boolean;
}

export type Kind = "mount" | "link" | "rule" | "cgroup" | "process" | "network namespace" | "file";
export type Census = Readonly<Record<Kind, readonly string[]>>;

/** Counts once. */
export function census(scope: Scope): Census {
  const everything = scope.everything ?? process.env.BUNKER_CENSUS === "everything";
  const marked = (text: string) => scope.marks.some((mark) => text.includes(mark));
  const chosen = (all: readonly string[]) => (everything ? all : all.filter(marked));
  return {
    mount: chosen(mounts()),
    link: chosen(links()),
    rule: chosen(rules()),
    cgroup: cgroups(marked),
    process: processes(marked),
    "network namespace": everything ? networkNamespaces() : [],
    file: (scope.roots ?? []).flatMap(files),
  };
}

/** What stands in `after` and not in `before`, each with its kind: `mount /x/merged overlay`. */
export function leftovers(before: Census, after: Census): string[] {
  return (Object.keys(after) as Kind[]).flatMap((kind) => {
    const known = new Map<string, number>();
    for (const thing of before[kind]) known.set(thing, (known.get(thing) ?? 0) + 1);
    return after[kind].flatMap((thing) => {
      const left = known.get(thing) ?? 0;
      known.set(thing, left - 1);
      return left > 0 ? [] : [`${kind} ${thing}`];
    });
  });
}

/** What is left once the host has had `seconds` to let go (links and cgroups are deleted in the background). */
export async function settled(before: Census, scope: Scope, seconds = 5): Promise<string[]> {
  for (const end = Date.now() + seconds * 1000; ; await Bun.sleep(50)) {
    const left = leftovers(before, census(scope));
    if (left.length === 0 || Date.now() > end) return left;
  }
}

function mounts(): string[] {
  return readFileSync("/proc/self/mountinfo", "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => {
      const fields = line.split(" ");
      return `${fields[4]} ${fields[fields.indexOf("-") + 1]} ${fields[fields.indexOf("-") + 2]}`;
    });
}

/** Every link of this network namespace with the bridge that it is a port of. */
function links(): string[] {
  return readdirSync("/sys/class/net").map((name) => {
    const master = `/sys/class/net/${name}/master`;
    const bridge = existsSync(master) ? ` on ${readlinkSync(master).split("/").pop()}` : "";
    return name + bridge;
  });
}

/** Every line of the nf_tables and of the legacy rule sets, without counters and handles. */
function rules(): string[] {
  const found: string[] = [];
  for (const command of [["nft", "list", "ruleset"], ["iptables-legacy-save"], ["ip6tables-legacy-save"]]) {
    if (!Bun.which(command[0]!, { PATH: `${process.env.PATH}:/usr/sbin:/sbin` })) continue;
    const { stdout } = Bun.spawnSync(command, {
      env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` },
    });
    let table = "";
    for (const line of stdout.toString().split("\n")) {
      if (/^table |^\*/.test(line)) table = line.replace(" {", "");
      const rule = line
        .replace(/counter packets \d+ bytes \d+/, "counter")
        .replace(/\[\d+:\d+\]/, "")
        .trim();
      if (rule !== "" && rule !== "}" && !rule.startsWith("#")) found.push(`${table}: ${rule}`);
    }
  }
  return found;
}

/** Every group beneath one that bears a mark, in each hierarchy. The marked parent itself is the administrator's, and stays. */
function cgroups(marked: (text: string) => boolean): string[] {
  const walk = (folder: string, depth: number): string[] =>
    subfolders(folder).flatMap((name) => {
      const path = join(folder, name);
      return [...(marked(folder) ? [path] : []), ...(depth < 6 ? walk(path, depth + 1) : [])];
    });
  return walk("/sys/fs/cgroup", 0);
}

function subfolders(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => entry.name);
  } catch {
    return []; // gone in between
  }
}

/** Every process that bears a mark in its command line, environment, cgroup, root, working folder or open files. */
function processes(marked: (text: string) => boolean): string[] {
  const own = String(process.pid);
  return pids()
    .filter((pid) => pid !== own && [...traces(pid)].some(marked))
    .map(
      (pid) =>
        `${pid} ${attempt(() => readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ")) ?? "?"}`,
    )
    .filter((line) => !/^\d+ \?$/.test(line));
}

function* traces(pid: string): Generator<string> {
  for (const name of ["cmdline", "environ", "cgroup"])
    yield attempt(() => readFileSync(`/proc/${pid}/${name}`, "utf8")) ?? "";
  for (const name of ["cwd", "root", "exe"]) yield attempt(() => readlinkSync(`/proc/${pid}/${name}`)) ?? "";
  for (const fd of attempt(() => readdirSync(`/proc/${pid}/fd`)) ?? [])
    yield attempt(() => readlinkSync(`/proc/${pid}/fd/${fd}`)) ?? "";
}

const networkNamespaces = (): string[] => [
  ...new Set(pids().flatMap((pid) => attempt(() => readlinkSync(`/proc/${pid}/ns/net`)) ?? [])),
];

const pids = (): string[] => readdirSync("/proc").filter((name) => /^\d+$/.test(name));

/** Everything below `root`, with its size; nothing where `root` is not. */
function files(root: string): string[] {
  if (!existsSync(root)) return [];
  return readdirSync(root, { recursive: true, encoding: "utf8" }).map((name) => {
    const entry = attempt(() => statSync(join(root, name)));
    return join(root, name) + (entry?.isDirectory() ? "/" : "");
  });
}

/** The value, or undefined for what vanished while we looked. */
function attempt<T>(look: () => T): T | undefined {
  try {
    return look();
  } catch {
    return undefined;
  }
}
