import { isatty } from "node:tty";
import type { Progress } from "../api/images.ts";
import { humanSize } from "../base/units.ts";
import { printErrorRaw, printRaw } from "./output.ts";

/**
 * Shows a progress stream: redrawn in place on a terminal, else one line for each new state and none for the bytes in
 * between. Throws the stream's own error.
 */
export async function showProgress(lines: AsyncIterable<Progress>, fd: 1 | 2, quiet = false): Promise<void> {
  const write = fd === 1 ? printRaw : printErrorRaw;
  const board = isatty(fd) ? new Board(write) : undefined;
  for await (const line of lines) {
    if (line.errorDetail || line.error)
      throw new Error(line.errorDetail?.message ?? line.error, { cause: line });
    if (quiet) continue;
    if (board) board.show(line);
    else write(plainLine(line));
  }
}

/** `id: status`; empty for what only moves a bar. */
export function plainLine(line: Progress): string {
  if (line.stream !== undefined) return line.stream;
  if (line.status === undefined || line.progressDetail?.current) return "";
  return `${line.id ? `${line.id}: ` : ""}${line.status}\n`;
}

/** One row a layer, moved to and rewritten as its state changes. */
class Board {
  readonly #write: (text: string) => void;
  readonly #rows = new Map<string, number>();
  #height = 0;

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  show(line: Progress): void {
    const text = line.stream ?? `${line.id ? `${line.id}: ` : ""}${line.status ?? ""}${barOf(line)}`;
    if (!line.id || !line.progressDetail) {
      // what stands between two groups of layers starts a new board
      this.#rows.clear();
      this.#height = 0;
      this.#write(line.stream === undefined ? `${text}\n` : text);
      return;
    }
    const row = this.#rows.get(line.id);
    if (row === undefined) {
      this.#rows.set(line.id, this.#height++);
      this.#write(`${text}\n`);
      return;
    }
    const up = this.#height - row;
    this.#write(`\x1b[${up}A\x1b[2K\r${text}\x1b[${up}B\r`);
  }
}

const WIDTH = 50;

/** ` [====>    ]  36.45kB/1.084MB`; empty when the line tells no progress. */
export function barOf({ progressDetail }: Progress): string {
  const { current = 0, total = 0 } = progressDetail ?? {};
  if (current <= 0) return "";
  if (total <= 0 || current > total) return `  ${humanSize(current)}`;
  const filled = Math.floor((current / total) * WIDTH);
  const bar = filled >= WIDTH ? "=".repeat(WIDTH) : `${"=".repeat(filled)}>${" ".repeat(WIDTH - filled - 1)}`;
  return ` [${bar}]  ${humanSize(current)}/${humanSize(total)}`;
}
