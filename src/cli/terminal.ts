import { isatty } from "node:tty";
import { ExitError } from "./exit.ts";

/** The terminal's size, height before width as the API has it; undefined when standard output is none. */
export function consoleSize(): [number, number] | undefined {
  const { stdout } = process;
  if (!stdout.isTTY) return undefined;
  const [columns, rows] = stdout.getWindowSize();
  return columns && rows ? [rows, columns] : undefined;
}

export const isTerminal = (fd: number): boolean => isatty(fd);

/** Refuses `-it` without a terminal, in Docker's words. */
export function demandTerminal(stdin: boolean): void {
  if (stdin && !isatty(0)) throw new ExitError(1, "the input device is not a TTY");
}

/** Hands every key to the container. Undone when the returned function is called, and when the process ends. */
export async function rawMode(): Promise<() => void> {
  if (!isatty(0)) return () => {};
  const { makeRaw } = await import("../sys/terminal.ts");
  let undo: (() => void) | undefined = makeRaw(0);
  const restore = () => {
    undo?.();
    undo = undefined;
  };
  process.on("exit", restore);
  return restore;
}

/** Calls `resized` now and at each change of the window's size. */
export function watchSize(resized: (height: number, width: number) => void): void {
  const tell = () => {
    const size = consoleSize();
    if (size) resized(...size);
  };
  tell();
  process.on("SIGWINCH", tell);
}

const CONTROL: Readonly<Record<string, number>> = { "@": 0, "[": 27, "\\": 28, "]": 29, "^": 30, _: 31 };

/** `ctrl-p,ctrl-q` to bytes (moby/term ToBytes). Throws on what is no key. */
export function parseDetachKeys(text: string): number[] {
  if (text === "") return [16, 17];
  return text.split(",").map((key) => {
    if (key.length === 1) return key.charCodeAt(0);
    const letter = /^ctrl-(.)$/i.exec(key)?.[1]?.toLowerCase();
    if (letter !== undefined && /[a-z]/.test(letter)) return letter.charCodeAt(0) - 96;
    const code = letter === undefined ? undefined : CONTROL[letter];
    if (code === undefined) throw new Error(`Unknown character: '${key}'`);
    return code;
  });
}

/** Watches what is typed for the detach keys. The keys go on to the engine, which does the detaching. */
export class DetachWatch {
  readonly #keys: readonly number[];
  #at = 0;

  constructor(keys: readonly number[]) {
    this.#keys = keys;
  }

  /** True once the sequence is complete. */
  saw(bytes: Uint8Array): boolean {
    for (const byte of bytes) {
      this.#at = byte === this.#keys[this.#at] ? this.#at + 1 : byte === this.#keys[0] ? 1 : 0;
      if (this.#at === this.#keys.length) return true;
    }
    return false;
  }
}
