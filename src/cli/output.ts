import { fs } from "../base/node.ts";

/** Standard output and error without `process.stdout`, whose first use costs a millisecond. */
const encoder = new TextEncoder();

/** Everything goes out before it returns. A reader that has gone ends the process quietly, as with any filter. */
export function writeAll(fd: 1 | 2, bytes: Uint8Array): void {
  let sent = 0;
  while (sent < bytes.length) {
    try {
      sent += fs().writeSync(fd, bytes, sent);
    } catch (error) {
      const { code } = error as { code?: string };
      if (code === "EPIPE") process.exit(0);
      if (code !== "EAGAIN") throw error;
      Bun.sleepSync(1); // somebody else made the pipe non-blocking
    }
  }
}

/** A line on standard output. */
export const print = (text: string): void => writeAll(1, encoder.encode(`${text}\n`));
/** Text as it is on standard output. */
export const printRaw = (text: string): void => writeAll(1, encoder.encode(text));
/** A line on standard error. */
export const printError = (text: string): void => writeAll(2, encoder.encode(`${text}\n`));
export const printErrorRaw = (text: string): void => writeAll(2, encoder.encode(text));

/** An empty pipe takes 64 KiB without blocking; so much of a command's output goes out by plain calls. */
const AT_ONCE = 32 * 1024;

/** A stream's way out: keeps the order, and holds the reader back while a pipe is full without stopping the process. */
export class Sink {
  readonly #fd: 1 | 2;
  #mayBlock: boolean | undefined;
  #sent = 0;

  constructor(fd: 1 | 2) {
    this.#fd = fd;
  }

  /** Undefined when it is out already. Later writes must wait for the promise. */
  write(bytes: Uint8Array): Promise<void> | undefined {
    this.#sent += bytes.length;
    this.#mayBlock ??= isPipe(this.#fd);
    if (this.#mayBlock && this.#sent > AT_ONCE) return writeLater(this.#fd, bytes);
    writeAll(this.#fd, bytes);
    return undefined;
  }
}

function isPipe(fd: number): boolean {
  const stat = fs().fstatSync(fd);
  return stat.isFIFO() || stat.isSocket();
}

/** By a thread of its own: signals and timers go on while the reader of a pipe sleeps. */
async function writeLater(fd: number, bytes: Uint8Array): Promise<void> {
  let sent = 0;
  while (sent < bytes.length) {
    const taken = await new Promise<number | string>((done) => {
      fs().write(fd, bytes, sent, bytes.length - sent, null, (error, count) => done(error?.code ?? count));
    });
    if (typeof taken === "number") sent += taken;
    else if (taken === "EAGAIN") await Bun.sleep(1);
    else if (taken === "EPIPE") process.exit(0);
    else throw new Error(`write: ${taken}`);
  }
}
