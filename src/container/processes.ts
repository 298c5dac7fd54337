import { readFileSync } from "node:fs";
import { invalid } from "../base/errors.ts";

/** One process as proc(5) shows it. */
interface ProcessInfo {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
  readonly comm: string;
  readonly args: string;
  readonly state: string;
  readonly ppid: number;
  readonly pgid: number;
  readonly sid: number;
  readonly tty: string;
  readonly nice: number;
  readonly priority: number;
  readonly threads: number;
  /** bytes */
  readonly virtual: number;
  readonly resident: number;
  /** seconds */
  readonly cpu: number;
  readonly elapsed: number;
}

/** Facts of the host that a line needs. */
interface Host {
  readonly now: Date;
  /** bytes */
  readonly memory: number;
  user(uid: number): string;
}

type Column = readonly [title: string, value: (process: ProcessInfo, host: Host) => string];

const percent = (part: number, whole: number): number => (whole > 0 ? (part / whole) * 100 : 0);
const cpuPercent = ({ cpu, elapsed }: ProcessInfo): number => percent(cpu, elapsed);
const two = (value: number): string => String(Math.floor(value)).padStart(2, "0");
const clock = (seconds: number): string =>
  `${two(seconds / 3600)}:${two((seconds % 3600) / 60)}:${two(seconds % 60)}`;
const short = (seconds: number): string => `${Math.floor(seconds / 60)}:${two(seconds % 60)}`;
const days = (seconds: number): string => {
  const whole = Math.floor(seconds / 86400);
  const rest = seconds % 86400;
  if (whole > 0) return `${whole}-${clock(rest)}`;
  return rest >= 3600 ? clock(rest) : `${two(rest / 60)}:${two(rest % 60)}`;
};
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const started = ({ elapsed }: ProcessInfo, { now }: Host): string => {
  const at = new Date(now.getTime() - elapsed * 1000);
  if (elapsed < 86400) return `${two(at.getHours())}:${two(at.getMinutes())}`;
  return at.getFullYear() === now.getFullYear()
    ? `${MONTHS[at.getMonth()]}${two(at.getDate())}`
    : String(at.getFullYear());
};
const kib = (bytes: number): string => String(Math.round(bytes / 1024));

/** The columns of `ps -o` by each of their names. ps(1) "STANDARD FORMAT SPECIFIERS" */
const COLUMNS: Record<string, Column> = {
  pid: ["PID", ({ pid }) => String(pid)],
  ppid: ["PPID", ({ ppid }) => String(ppid)],
  pgid: ["PGID", ({ pgid }) => String(pgid)],
  pgrp: ["PGRP", ({ pgid }) => String(pgid)],
  sid: ["SID", ({ sid }) => String(sid)],
  sess: ["SESS", ({ sid }) => String(sid)],
  uid: ["UID", ({ uid }) => String(uid)],
  gid: ["GID", ({ gid }) => String(gid)],
  user: ["USER", ({ uid }, host) => host.user(uid)],
  euser: ["EUSER", ({ uid }, host) => host.user(uid)],
  uname: ["USER", ({ uid }, host) => host.user(uid)],
  comm: ["COMMAND", ({ comm }) => comm],
  ucmd: ["CMD", ({ comm }) => comm],
  args: ["COMMAND", ({ args }) => args],
  command: ["COMMAND", ({ args }) => args],
  cmd: ["CMD", ({ args }) => args],
  c: ["C", (process) => String(Math.min(99, Math.round(cpuPercent(process))))],
  pcpu: ["%CPU", (process) => cpuPercent(process).toFixed(1)],
  pmem: ["%MEM", ({ resident }, { memory }) => percent(resident, memory).toFixed(1)],
  vsz: ["VSZ", ({ virtual }) => kib(virtual)],
  rss: ["RSS", ({ resident }) => kib(resident)],
  tty: ["TT", ({ tty }) => tty],
  tname: ["TTY", ({ tty }) => tty],
  stat: [
    "STAT",
    ({ state, pid, sid, nice, threads }) =>
      state + (nice < 0 ? "<" : nice > 0 ? "N" : "") + (pid === sid ? "s" : "") + (threads > 1 ? "l" : ""),
  ],
  s: ["S", ({ state }) => state],
  state: ["S", ({ state }) => state],
  stime: ["STIME", started],
  start: ["STARTED", started],
  start_time: ["START", started],
  time: ["TIME", ({ cpu }) => clock(cpu)],
  cputime: ["TIME", ({ cpu }) => clock(cpu)],
  bsdtime: ["TIME", ({ cpu }) => short(cpu)],
  etime: ["ELAPSED", ({ elapsed }) => days(elapsed)],
  etimes: ["ELAPSED", ({ elapsed }) => String(Math.floor(elapsed))],
  ni: ["NI", ({ nice }) => String(nice)],
  nice: ["NI", ({ nice }) => String(nice)],
  pri: ["PRI", ({ priority }) => String(39 - priority)],
  nlwp: ["NLWP", ({ threads }) => String(threads)],
  thcount: ["THCNT", ({ threads }) => String(threads)],
};
const SAME: Record<string, string> = {
  "%cpu": "pcpu",
  "%mem": "pmem",
  tt: "tty",
  vsize: "vsz",
  rssize: "rss",
  ruser: "user",
  lstart: "start",
};

const named = (names: string): Column[] => names.split(" ").map((name) => COLUMNS[name]!);
/** `-f` calls its users UID. */
const FULL: Column[] = [["UID", COLUMNS.user![1]], ...named("pid ppid c stime tname time cmd")];
const USUAL: Record<string, Column[]> = {
  "-ef": FULL,
  "-f": FULL,
  "-A": named("pid tname time ucmd"),
  "-e": named("pid tname time ucmd"),
  aux: named("user pid pcpu pmem vsz rss tname stat start_time bsdtime command"),
  ax: named("pid tname stat bsdtime command"),
};
const SPELLINGS: Record<string, string> = {
  "": "-ef",
  "-aux": "aux",
  axu: "aux",
  uax: "aux",
  "-e -f": "-ef",
  "-fe": "-ef",
  "-Af": "-ef",
  "-ax": "ax",
  xa: "ax",
};

/**
 * The columns that the arguments of ps ask for: `-ef` (none), `aux`, `ax`, `-e`, and `-o` or `-eo` with a list. Nothing runs
 * on the host: /proc is read. Throws `invalid` for what we do not know, with what we do.
 */
export function columnsOf(psArgs: string): readonly Column[] {
  const text = psArgs.trim().replace(/\s+/g, " ");
  const usual = USUAL[SPELLINGS[text] ?? text];
  if (usual) return usual;
  const list = /^(?:-[eA] |-[eA]|a?x )?-?o ?([\w%,. =]+)$/.exec(text)?.[1];
  if (list === undefined)
    throw invalid(
      `ps: arguments ${JSON.stringify(psArgs)} are not supported: use -ef, aux, ax, -e or -o with a list of columns`,
    );
  const columns = list.split(/[, ]+/).map(columnOf);
  if (!columns.some(([title]) => title === "PID")) throw invalid("Couldn't find PID field in ps output");
  return columns;
}

/** `pid`, or `pid=TITLE` */
function columnOf(text: string): Column {
  const [name = "", title] = text.split("=");
  const found = COLUMNS[SAME[name] ?? name];
  if (!found) throw invalid(`ps: unknown user-defined format specifier ${JSON.stringify(name)}`);
  return title ? [title, found[1]] : found;
}

/** Titles and one row a process; those that ended meanwhile are left out. */
export function processTable(
  pids: readonly number[],
  columns: readonly Column[],
): { Titles: string[]; Processes: string[][] } {
  const host = hostNow();
  const uptime = Number(readFileSync("/proc/uptime", "utf8").split(" ")[0]);
  const rows = pids.flatMap((pid) => {
    const process = infoOf(pid, uptime);
    return process ? [columns.map(([, value]) => value(process, host))] : [];
  });
  return { Titles: columns.map(([title]) => title), Processes: rows };
}

const TICKS = 100;
const PAGE = 4096;

function infoOf(pid: number, uptime: number): ProcessInfo | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    const cmdline = readFileSync(`/proc/${pid}/cmdline`, "utf8").replace(/\0+$/, "").replaceAll("\0", " ");
    const comm = stat.slice(stat.indexOf("(") + 1, stat.lastIndexOf(")"));
    // proc_pid_stat(5), from field 3 on
    const field = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const at = (number: number): number => Number(field[number - 3]);
    const id = (name: string): number =>
      Number(new RegExp(`^${name}:\\s+\\d+\\s+(\\d+)`, "m").exec(status)?.[1]);
    return {
      pid,
      uid: id("Uid"),
      gid: id("Gid"),
      comm,
      args: cmdline || `[${comm}]`,
      state: field[0]!,
      ppid: at(4),
      pgid: at(5),
      sid: at(6),
      tty: ttyName(at(7)),
      priority: at(18),
      nice: at(19),
      threads: at(20),
      virtual: at(23),
      resident: at(24) * PAGE,
      cpu: (at(14) + at(15)) / TICKS,
      elapsed: Math.max(0, uptime - at(22) / TICKS),
    };
  } catch {
    return undefined;
  }
}

/** Device number to name: 136 to 143 are pts, 4 consoles. */
function ttyName(device: number): string {
  const major = (device >> 8) & 0xfff;
  const minor = (device & 0xff) | ((device >> 12) & 0xfff00);
  if (major >= 136 && major <= 143) return `pts/${(major - 136) * 256 + minor}`;
  return major === 4 ? `tty${minor}` : "?";
}

function hostNow(): Host {
  const names = new Map<number, string>();
  try {
    for (const line of readFileSync("/etc/passwd", "utf8").split("\n")) {
      const [name = "", , uid] = line.split(":");
      if (uid !== undefined && !names.has(Number(uid))) names.set(Number(uid), name);
    }
  } catch {
    // a host without the file: numbers serve
  }
  const memory = Number(/^MemTotal:\s+(\d+)/m.exec(readFileSync("/proc/meminfo", "utf8"))?.[1]) * 1024;
  return { now: new Date(), memory, user: (uid) => names.get(uid) ?? String(uid) };
}
