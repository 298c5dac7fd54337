/**
 * The lines of a json-file log, `{"log":"text\n","stream":"stdout","time":"2026-11-22T00:50:47.8Z"}`, to what clients get.
 * Written for speed: bytes are looked at where they lie, and copied once. A line of any other shape (attributes, other
 * writers) goes through JSON.parse; one that is no JSON (cut off by a crash) is skipped.
 */

const HEAD = Buffer.from('{"log":"');
const STREAM = Buffer.from('","stream":"std');
const TIME = Buffer.from(',"time":"');
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const NEWLINE = 0x0a;
/** RFC 3339 with all nine digits. */
const TIME_LENGTH = 30;
const FRAME_HEADER = 8;

export interface LineOptions {
  readonly stdout: boolean;
  readonly stderr: boolean;
  /** 8-byte frames; else raw, as of a terminal. */
  readonly framed: boolean;
  readonly timestamps: boolean;
  readonly details: boolean;
  /** As `2026-11-22T00:50:47.805476495Z`: lines before it are left out. */
  readonly since?: string;
  /** A line after it ends the log. */
  readonly until?: string;
}

interface Parsed {
  stderr: boolean;
  /** The text, still escaped: from, to (exclusive), in the line's buffer. */
  from: number;
  to: number;
  /** The time's bytes, in the line's buffer. */
  timeFrom: number;
  timeTo: number;
}

const FIRST_CAPACITY = 64 * 1024;

/** Turns blocks of log lines into what one reader gets. One a reader; it keeps no line. */
export class LineWriter {
  readonly #options: LineOptions;
  readonly #since?: Buffer;
  readonly #until?: Buffer;
  readonly #time = Buffer.alloc(TIME_LENGTH);
  readonly #line: Parsed = { stderr: false, from: 0, to: 0, timeFrom: 0, timeTo: 0 };
  #out = Buffer.allocUnsafe(FIRST_CAPACITY);
  #length = 0;
  /** A line after `until` was seen: nothing more is wanted. */
  done = false;

  constructor(options: LineOptions) {
    this.#options = options;
    this.#since = options.since === undefined ? undefined : Buffer.from(options.since);
    this.#until = options.until === undefined ? undefined : Buffer.from(options.until);
  }

  /** Takes whole lines from `start` to `end`; the last byte is a newline. What comes of a line is never longer than the line. */
  write(block: Buffer, start: number, end: number): void {
    this.#reserve(this.#length + end - start);
    for (let at = start; at < end && !this.done; ) {
      const newline = block.indexOf(NEWLINE, at);
      if (shape(block, at, newline, this.#line)) this.#entry(block, this.#line);
      else this.#odd(block.toString("utf8", at, newline));
      at = newline + 1;
    }
  }

  /** What was written since the last call; undefined when nothing was. */
  take(): Uint8Array | undefined {
    if (this.#length === 0) return undefined;
    const taken = this.#out.subarray(0, this.#length);
    this.#out = Buffer.allocUnsafe(Math.max(FIRST_CAPACITY, Math.min(this.#out.length, taken.length * 2)));
    this.#length = 0;
    return taken;
  }

  #entry(block: Buffer, line: Parsed): void {
    if (this.#since || this.#until || this.#options.timestamps) {
      fullTime(block, line.timeFrom, line.timeTo, this.#time);
      if (this.#since && this.#time.compare(this.#since) < 0) return;
      if (this.#until && this.#time.compare(this.#until) > 0) {
        this.done = true;
        return;
      }
    }
    if (!(line.stderr ? this.#options.stderr : this.#options.stdout)) return;
    const frame = this.#length;
    if (this.#options.framed) this.#length += FRAME_HEADER;
    if (this.#options.timestamps) {
      this.#length += this.#time.copy(this.#out, this.#length);
      this.#out[this.#length++] = 0x20;
    }
    this.#length = copyText(block, line.from, line.to, this.#out, this.#length);
    if (this.#options.framed) this.#seal(frame, line.stderr);
  }

  #seal(frame: number, stderr: boolean): void {
    const out = this.#out;
    const size = this.#length - frame - FRAME_HEADER;
    out[frame] = stderr ? 2 : 1;
    out[frame + 1] = out[frame + 2] = out[frame + 3] = 0;
    out[frame + 4] = size >>> 24;
    out[frame + 5] = size >>> 16;
    out[frame + 6] = size >>> 8;
    out[frame + 7] = size;
  }

  /** A line of another shape: the slow way, re-made into the known shape, its attributes in front of the text. */
  #odd(text: string): void {
    let parsed: { log?: string; stream?: string; time?: string; attrs?: Record<string, string> };
    try {
      parsed = JSON.parse(text);
    } catch {
      return;
    }
    const details = this.#options.details ? `${attributes(parsed.attrs)} ` : "";
    const log = JSON.stringify(details + (parsed.log ?? ""));
    const plain = Buffer.from(`{"log":${log},"stream":"${parsed.stream}","time":"${parsed.time}"}`);
    this.#reserve(this.#out.length + plain.length); // beside what `write` reserved for the other lines
    if (shape(plain, 0, plain.length, this.#line)) this.#entry(plain, this.#line);
  }

  #reserve(capacity: number): void {
    if (capacity <= this.#out.length) return;
    const larger = Buffer.allocUnsafe(Math.max(capacity, this.#out.length * 2));
    this.#out.copy(larger, 0, 0, this.#length);
    this.#out = larger;
  }
}

/** Finds the parts of one line without its newline; false when it is of another shape. Reads from both ends: the text is not looked at. */
function shape(block: Buffer, start: number, end: number, into: Parsed): boolean {
  if (end - start < 50 || block[end - 1] !== 0x7d || block[end - 2] !== QUOTE) return false;
  if (block[start] !== HEAD[0] || block[start + 1] !== HEAD[1] || block[start + 7] !== HEAD[7]) return false;
  let at = end - 3;
  const least = Math.max(start, at - 40);
  while (at > least && block[at] !== QUOTE) at--;
  into.timeFrom = at + 1;
  into.timeTo = end - 2;
  // …","stream":"stdout","time":"
  const quote = at - TIME.length; // the closing quote of the stream's name
  if (block[quote] !== QUOTE || block[quote + 1] !== TIME[0] || block[quote + 3] !== TIME[2]) return false;
  const name = quote - 3; // "out" or "err"
  const text = name - STREAM.length;
  if (text < start + HEAD.length || block[text] !== QUOTE || block[text + 4] !== STREAM[4]) return false;
  if (block[text + 3] !== STREAM[3] || block[text + 11] !== STREAM[11] || block[name - 1] !== STREAM[14])
    return false;
  into.stderr = block[name] === 0x65;
  into.from = start + HEAD.length;
  into.to = text;
  return true;
}

/** The time with all nine digits, so that times compare as bytes. */
function fullTime(block: Buffer, from: number, to: number, into: Buffer): void {
  const digits = to - from - 1; // without the Z
  block.copy(into, 0, from, from + Math.min(digits, TIME_LENGTH - 1));
  if (digits <= 19) into[19] = 0x2e;
  for (let at = Math.max(digits, 20); at < TIME_LENGTH - 1; at++) into[at] = 0x30;
  into[TIME_LENGTH - 1] = 0x5a;
}

const SHORT = new Uint8Array(128);
for (const [letter, byte] of Object.entries({ n: 10, r: 13, t: 9, b: 8, f: 12, '"': 34, "\\": 92, "/": 47 }))
  SHORT[letter.charCodeAt(0)] = byte;

/** Copies a JSON string's inside, escapes undone; the new length of `out`. What it writes is never longer than what it reads. */
function copyText(block: Buffer, from: number, to: number, out: Buffer, length: number): number {
  let at = from;
  let put = length;
  for (;;) {
    let mark = block.indexOf(BACKSLASH, at);
    if (mark < 0 || mark >= to) mark = to;
    put += block.copy(out, put, at, mark);
    if (mark >= to - 1) return put;
    const letter = block[mark + 1]!;
    at = mark + 2;
    if (letter !== 0x75) {
      out[put++] = SHORT[letter]!;
      continue;
    }
    let code = hex(block, at);
    at += 4;
    if (code >= 0xd800 && code < 0xdc00 && block[at] === BACKSLASH && block[at + 1] === 0x75) {
      code = 0x10000 + ((code - 0xd800) << 10) + (hex(block, at + 2) - 0xdc00);
      at += 6;
    }
    put += out.write(String.fromCodePoint(code), put);
  }
}

const hex = (block: Buffer, at: number): number => Number.parseInt(block.toString("latin1", at, at + 4), 16);

/** `a=b,c=d`, sorted, percent-encoded, as Docker prints details. */
const attributes = (attrs: Record<string, string> = {}): string =>
  Object.entries(attrs)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${encodeURIComponent(key)}=${encodeURIComponent(value)}`)
    .join(",");
