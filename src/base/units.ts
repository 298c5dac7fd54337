import { invalid } from "./errors.ts";

const BINARY: Record<string, number> = {
  "": 1,
  b: 1,
  k: 2 ** 10,
  m: 2 ** 20,
  g: 2 ** 30,
  t: 2 ** 40,
  p: 2 ** 50,
};
const SIZE = /^(\d+(?:\.\d+)?) ?([kmgtp])?(i?b)?$/i;

/** `64m`, `1.5GiB`, `1024` to bytes (units of 1024, as docker/go-units RAMInBytes). Throws `invalid`. */
export function parseSize(text: string): number {
  const found = SIZE.exec(text.trim());
  if (!found) throw invalid(`invalid size: '${text}'`);
  return Math.floor(Number(found[1]) * BINARY[(found[2] ?? "").toLowerCase()]!);
}

/** Bytes for people in units of 1000 with four significant digits: `4.274MB` (go-units HumanSizeWithPrecision). */
export const humanSize = (bytes: number, digits = 4): string =>
  scaled(bytes, 1000, ["B", "kB", "MB", "GB", "TB", "PB"], digits);

/** Bytes for people in units of 1024: `3.883MiB` (go-units BytesSize). */
export const binarySize = (bytes: number): string =>
  scaled(bytes, 1024, ["B", "KiB", "MiB", "GiB", "TiB", "PiB"], 4);

function scaled(value: number, base: number, units: readonly string[], digits: number): string {
  let unit = 0;
  let rest = value;
  while (rest >= base && unit < units.length - 1) {
    rest /= base;
    unit++;
  }
  return `${Number(rest.toPrecision(digits))}${units[unit]}`;
}

const SPAN: Record<string, number> = { ns: 1e-9, us: 1e-6, µs: 1e-6, ms: 1e-3, s: 1, m: 60, h: 3600 };

/** `1h30m`, `1.5s`, `100ms` (Go's time.ParseDuration) to seconds. Throws `invalid`. */
export function parseDuration(text: string): number {
  const sign = text.startsWith("-") ? -1 : 1;
  const body = text.replace(/^[-+]/, "");
  if (body === "0") return 0;
  if (!/^(\d+(\.\d*)?(ns|us|µs|ms|s|m|h))+$/.test(body)) throw invalid(`invalid duration: "${text}"`);
  let seconds = 0;
  for (const [, count, unit] of body.matchAll(/(\d+(?:\.\d*)?)(ns|us|µs|ms|s|m|h)/g))
    seconds += Number(count) * SPAN[unit!]!;
  return sign * seconds;
}

/** `5 minutes`, `About an hour`: a span in seconds as `docker ps` says it (go-units HumanDuration). */
export function humanDuration(seconds: number): string {
  const minutes = Math.floor(seconds / 60);
  const hours = Math.round(seconds / 3600);
  if (seconds < 1) return "Less than a second";
  if (seconds < 2) return "1 second";
  if (seconds < 60) return `${Math.floor(seconds)} seconds`;
  if (minutes === 1) return "About a minute";
  if (minutes < 60) return `${minutes} minutes`;
  if (hours === 1) return "About an hour";
  if (hours < 48) return `${hours} hours`;
  if (hours < 24 * 7 * 2) return `${Math.floor(hours / 24)} days`;
  if (hours < 24 * 30 * 2) return `${Math.floor(hours / 24 / 7)} weeks`;
  if (hours < 24 * 365 * 2) return `${Math.floor(hours / 24 / 30)} months`;
  return `${Math.floor(hours / 24 / 365)} years`;
}

/** What Go prints for a time that was never set. */
export const ZERO_TIME = "0001-01-01T00:00:00Z";

/** Nanoseconds since 1970 now. The wall clock has microseconds here; the rest is the monotonic clock's. */
export const nowNanos = (): bigint =>
  BigInt(Math.round((performance.timeOrigin + performance.now()) * 1e3)) * 1000n;

/** Nanoseconds since 1970 as RFC 3339 with nine digits: `2026-11-22T00:50:47.805476495Z`. */
export function rfc3339(nanos: bigint): string {
  const seconds = new Date(Number(nanos / 1_000_000_000n) * 1000).toISOString().slice(0, 19);
  return `${seconds}.${String(nanos % 1_000_000_000n).padStart(9, "0")}Z`;
}

/** RFC 3339, `seconds[.nanoseconds]` or a Go duration back from `now`, to nanoseconds since 1970. Throws `invalid`. */
export function parseTime(text: string, now: bigint = nowNanos()): bigint {
  const unix = /^(-?\d+)(?:\.(\d{1,9}))?$/.exec(text);
  if (unix) return BigInt(unix[1]!) * 1_000_000_000n + BigInt((unix[2] ?? "").padEnd(9, "0"));
  if (/^-?[\d.]+(ns|us|µs|ms|s|m|h)/.test(text)) return now - BigInt(Math.round(parseDuration(text) * 1e9));
  const found = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?(Z|[+-]\d\d:?\d\d)?$/.exec(
    text,
  );
  const millis = found
    ? Date.parse(`${found[1]}T${found[2] ?? "00:00"}:${found[3] ?? "00"}${found[5] ?? "Z"}`)
    : Number.NaN;
  if (Number.isNaN(millis)) throw invalid(`invalid time: "${text}"`);
  return BigInt(millis) * 1_000_000n + BigInt((found?.[4] ?? "").padEnd(9, "0"));
}
