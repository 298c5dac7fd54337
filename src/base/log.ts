/** The levels of `--log-level`, least first. */
export type LogLevel = "debug" | "info" | "warn" | "error" | "fatal";

/** What is put behind the message as `key=value`. */
export type Fields = Readonly<Record<string, string | number | boolean | undefined>>;

const ORDER: readonly LogLevel[] = ["debug", "info", "warn", "error", "fatal"];

/** One line an event: `2026-11-22T00:00:00.000Z INFO message key=value`. Secrets are never passed to it. */
export class Log {
  readonly #write: (line: string) => void;
  #least: number;

  constructor(
    level: LogLevel = "info",
    write: (line: string) => void = (line) => void process.stderr.write(line),
  ) {
    this.#least = ORDER.indexOf(level);
    this.#write = write;
  }

  set level(level: LogLevel) {
    this.#least = ORDER.indexOf(level);
  }

  /** Whether a line of this level is written: ask before building a costly one. */
  enabled(level: LogLevel): boolean {
    return ORDER.indexOf(level) >= this.#least;
  }

  debug(message: string, fields?: Fields): void {
    this.#line("debug", message, fields);
  }

  info(message: string, fields?: Fields): void {
    this.#line("info", message, fields);
  }

  warn(message: string, fields?: Fields): void {
    this.#line("warn", message, fields);
  }

  error(message: string, fields?: Fields): void {
    this.#line("error", message, fields);
  }

  #line(level: LogLevel, message: string, fields: Fields = {}): void {
    if (ORDER.indexOf(level) < this.#least) return;
    let line = `${new Date().toISOString()} ${level.toUpperCase()} ${message}`;
    for (const [key, value] of Object.entries(fields))
      if (value !== undefined) line += ` ${key}=${quote(String(value))}`;
    this.#write(`${line}\n`);
  }
}

const quote = (value: string): string => (/^[^\s"=]+$/.test(value) ? value : JSON.stringify(value));
