import { isatty } from "node:tty";
import { type ContainerSummary, containerList, containerStats, type Stats } from "../api/containers.ts";
import { events } from "../api/system.ts";
import { shortId } from "../base/id.ts";
import { binarySize, humanSize } from "../base/units.ts";
import type { Client } from "../client/client.ts";
import { atLeast, verb } from "./command.ts";
import { wordsOf } from "./exit.ts";
import { bool, string } from "./flag.ts";
import { FORMAT_HELP } from "./human.ts";
import { printRaw } from "./output.ts";
import { type Listing, printListing, type Row } from "./table.ts";

const HEADERS = {
  Container: "CONTAINER",
  Name: "NAME",
  ID: "CONTAINER ID",
  CPUPerc: "CPU %",
  MemUsage: "MEM USAGE / LIMIT",
  MemPerc: "MEM %",
  NetIO: "NET I/O",
  BlockIO: "BLOCK I/O",
  PIDs: "PIDS",
};
const TABLE =
  "{{.ID}}\t{{.Name}}\t{{.CPUPerc}}\t{{.MemUsage}}\t{{.MemPerc}}\t{{.NetIO}}\t{{.BlockIO}}\t{{.PIDs}}";

export const stats = verb({
  usage: "[OPTIONS] [CONTAINER...]",
  about: "Display a live stream of container(s) resource usage statistics",
  args: atLeast(0),
  flags: {
    all: bool("a", "Show all containers (default shows just running)"),
    format: string("", FORMAT_HELP),
    "no-stream": bool("", "Disable streaming stats and only pull the first result"),
    "no-trunc": bool("", "Do not truncate output"),
  },
  run: async ({ flags, args, client }) => {
    const board = new Board(client, flags["no-trunc"]);
    const named = args.length > 0;
    const wanted = named
      ? args.map((name) => ({ id: name, shown: name }))
      : (await client.call(containerList, { all: flags.all || undefined })).map(entry);
    if (flags["no-stream"]) {
      await Promise.all(wanted.map(({ id, shown }) => board.once(id, shown)));
      board.show(flags.format);
      return board.failed ? 1 : 0;
    }
    for (const { id, shown } of wanted) board.follow(id, shown);
    if (!named) board.watch(flags.all).catch(() => {});
    return redraw(board, flags.format, named);
  },
});

const entry = ({ Id }: ContainerSummary) => ({ id: Id, shown: Id });

/** Twice a second, until every container that was named is gone. */
async function redraw(board: Board, format: string, named: boolean): Promise<number> {
  const clear = isatty(1) ? "\x1b[2J\x1b[H" : "";
  for (;;) {
    await Bun.sleep(500);
    if (named && board.size === 0) return board.failed ? 1 : 0;
    printRaw(clear);
    board.show(format);
  }
}

class Board {
  readonly #client: Client;
  readonly #full: boolean;
  readonly #rows = new Map<string, Row>();
  failed = false;

  constructor(client: Client, full: boolean) {
    this.#client = client;
    this.#full = full;
  }

  get size(): number {
    return this.#rows.size;
  }

  show(format: string): void {
    const listing: Listing = {
      type: "container.statsContext",
      headers: HEADERS,
      table: TABLE,
      rows: [...this.#rows.values()],
    };
    printListing(listing, format);
  }

  async once(id: string, shown: string): Promise<void> {
    this.#rows.set(id, blank(id, shown));
    await this.#read(id, shown, "false");
  }

  follow(id: string, shown: string): void {
    if (this.#rows.has(id)) return;
    this.#rows.set(id, blank(id, shown));
    this.#read(id, shown, undefined).then(() => this.#rows.delete(id));
  }

  /** Containers come and go. */
  async watch(all: boolean): Promise<void> {
    const filters = JSON.stringify({ type: ["container"], event: all ? ["create", "start"] : ["start"] });
    for await (const { Actor } of await this.#client.call(events, { filters }))
      this.follow(Actor.ID, Actor.ID);
  }

  async #read(id: string, shown: string, stream: string | undefined): Promise<void> {
    try {
      for await (const reading of await this.#client.call(containerStats, { name: id, stream })) {
        if (stream === undefined && reading.read.startsWith("0001-")) return; // it ended
        this.#rows.set(id, rowOf(reading, shown, this.#full));
      }
    } catch (error) {
      this.#rows.delete(id);
      this.failed = true;
      process.stderr.write(`${wordsOf(error)}\n`);
    }
  }
}

const blank = (id: string, shown: string): Row => ({
  BlockIO: "-- / --",
  CPUPerc: "--",
  Container: shown,
  ID: shortId(id),
  MemPerc: "--",
  MemUsage: "-- / --",
  Name: "--",
  NetIO: "-- / --",
  PIDs: "--",
});

/** Docker's formulas: memory without the page cache that can be dropped at once. */
export function rowOf(reading: Stats, shown: string, full: boolean): Row {
  const { cpu_stats: now, precpu_stats: before, memory_stats: memory } = reading;
  const used = memory.usage ?? 0;
  const inactive = memory.stats?.total_inactive_file ?? memory.stats?.inactive_file ?? 0;
  const working = inactive < used ? used - inactive : used;
  const limit = memory.limit ?? 0;
  const networks = Object.values(reading.networks ?? {});
  const sum = (key: string) => networks.reduce((total, one) => total + (one[key] ?? 0), 0);
  const blocks = reading.blkio_stats?.io_service_bytes_recursive ?? [];
  const io = (op: string) =>
    blocks.reduce((total, one) => total + (one.op.toLowerCase() === op ? one.value : 0), 0);
  const pair = (a: number, b: number) => `${humanSize(a, 3)} / ${humanSize(b, 3)}`;
  return {
    BlockIO: pair(io("read"), io("write")),
    CPUPerc: `${cpuPercent(now, before).toFixed(2)}%`,
    Container: shown,
    ID: full ? reading.id : shortId(reading.id),
    MemPerc: `${(limit > 0 ? (working / limit) * 100 : 0).toFixed(2)}%`,
    MemUsage: `${binarySize(working)} / ${binarySize(limit)}`,
    Name: reading.name.replace(/^\//, ""),
    NetIO: pair(sum("rx_bytes"), sum("tx_bytes")),
    PIDs: String(reading.pids_stats?.current ?? 0),
  };
}

function cpuPercent(now: Stats["cpu_stats"], before: Stats["cpu_stats"]): number {
  const spent = now.cpu_usage.total_usage - (before.cpu_usage?.total_usage ?? 0);
  const passed = (now.system_cpu_usage ?? 0) - (before.system_cpu_usage ?? 0);
  const processors = now.online_cpus || now.cpu_usage.percpu_usage?.length || 1;
  return spent > 0 && passed > 0 ? (spent / passed) * processors * 100 : 0;
}
