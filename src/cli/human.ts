import { humanDuration } from "../base/units.ts";

/** `text` in at most `width` columns, the last one `…` when something was cut. */
export function ellipsis(text: string, width: number): string {
  if (Bun.stringWidth(text) <= width) return text;
  let cut = "";
  for (const char of text) {
    if (Bun.stringWidth(cut + char) > width - 1) break;
    cut += char;
  }
  return `${cut}…`;
}

/** `4 seconds ago`; `seconds` since 1970. */
export const age = (seconds: number): string => `${humanDuration(Date.now() / 1000 - seconds)} ago`;

/** As Go prints a time: `2026-11-22 03:02:49 +0000 UTC`. */
export function goTime(date: Date): string {
  const { day, time, offset } = local(date);
  const zone = new Intl.DateTimeFormat("en-US", { timeZoneName: "short" })
    .formatToParts(date)
    .find((part) => part.type === "timeZoneName")!.value;
  const compact = offset.replace(":", "");
  return `${day} ${time} ${compact} ${/^[A-Z]+$/.test(zone) ? zone : compact}`;
}

/** RFC 3339 in the local zone. */
export function localTime(date: Date, fraction = ""): string {
  const { day, time, offset } = local(date);
  return `${day}T${time}${fraction}${offset === "+00:00" ? "Z" : offset}`;
}

function local(date: Date): { day: string; time: string; offset: string } {
  const minutes = -date.getTimezoneOffset();
  const shifted = new Date(date.getTime() + minutes * 60_000).toISOString();
  const two = (value: number) => String(Math.floor(value)).padStart(2, "0");
  const ahead = Math.abs(minutes);
  const offset = `${minutes < 0 ? "-" : "+"}${two(ahead / 60)}:${two(ahead % 60)}`;
  return { day: shifted.slice(0, 10), time: shifted.slice(11, 19), offset };
}

/** `a=b,c=d` */
export const labelsText = (labels: Readonly<Record<string, string>> | null | undefined): string =>
  Object.entries(labels ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`)
    .join(",");

/** Template field `{{.Label "name"}}`. */
export const labelField =
  (labels: Readonly<Record<string, string>> | null | undefined) =>
  (name: string): string =>
    labels?.[name] ?? "";

/** The help of every `--format`. */
export const FORMAT_HELP =
  "Format output using a custom template:\n'table': Print output in table format with column headers (default)\n'table TEMPLATE': Print output in table format using the given Go template\n'json': Print in JSON format\n'TEMPLATE': Print output using the given Go template";
