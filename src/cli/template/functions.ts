import { TemplateError } from "./lex.ts";
import { goJson, goPrintf, goString } from "./print.ts";

type Fn = (...args: never[]) => unknown;

/** False, zero, and everything empty (text/template "Actions"). */
export function truth(value: unknown): boolean {
  if (value === null || value === undefined) return false;
  if (typeof value === "object") return Object.keys(value).length > 0;
  return Boolean(value);
}

const isNumber = (value: unknown): value is number | bigint =>
  typeof value === "number" || typeof value === "bigint";

function same(a: unknown, b: unknown): boolean {
  if (isNumber(a) && isNumber(b)) return Number(a) === Number(b);
  if (a !== null && b !== null && a !== undefined && b !== undefined && typeof a !== typeof b)
    throw new TemplateError("error calling eq: incompatible types for comparison");
  return (a ?? null) === (b ?? null);
}

function order(name: string, a: unknown, b: unknown): number {
  if (isNumber(a) && isNumber(b)) return Number(a) - Number(b);
  if (typeof a === "string" && typeof b === "string") return a < b ? -1 : a > b ? 1 : 0;
  throw new TemplateError(`error calling ${name}: incompatible types for comparison`);
}

/** A missing key of a map of strings is the empty string, as in Go's typed maps. */
function index(item: unknown, ...keys: unknown[]): unknown {
  let value = item;
  for (const key of keys) {
    if (value === null || value === undefined) return "";
    if (Array.isArray(value) || typeof value === "string") {
      const at = Number(key);
      if (!(at >= 0 && at < value.length))
        throw new TemplateError(`error calling index: index out of range: ${at}`);
      value = value[at];
    } else if (typeof value === "object") {
      const map = value as Record<string, unknown>;
      const texts = Object.values(map).every((one) => typeof one === "string");
      value = Object.hasOwn(map, String(key)) ? map[String(key)] : texts ? "" : undefined;
    } else throw new TemplateError(`error calling index: can't index item of type ${typeof value}`);
  }
  return value;
}

function len(value: unknown): number {
  if (typeof value === "string") return Buffer.byteLength(value);
  if (typeof value === "object") return Object.keys(value ?? {}).length;
  throw new TemplateError(`error calling len: len of type ${typeof value}`);
}

const text = (value: unknown): string => (typeof value === "string" ? value : goString(value));

/** Go's own functions and those that Docker adds (docker/cli templates). `and` and `or` are the evaluator's. */
export const FUNCTIONS: Readonly<Record<string, Fn>> = {
  eq: (a: unknown, ...others: unknown[]) => others.some((b) => same(a, b)),
  ne: (a: unknown, b: unknown) => !same(a, b),
  lt: (a: unknown, b: unknown) => order("lt", a, b) < 0,
  le: (a: unknown, b: unknown) => order("le", a, b) <= 0,
  gt: (a: unknown, b: unknown) => order("gt", a, b) > 0,
  ge: (a: unknown, b: unknown) => order("ge", a, b) >= 0,
  not: (value: unknown) => !truth(value),
  and: (...values: unknown[]) => values.find((value) => !truth(value)) ?? values.at(-1),
  or: (...values: unknown[]) => values.find(truth) ?? values.at(-1),
  index,
  len,
  slice: (value: string | unknown[], from = 0, to?: number) => value.slice(Number(from), to),
  print: (...values: unknown[]) => values.map((value) => goString(value)).join(" "),
  println: (...values: unknown[]) => `${values.map((value) => goString(value)).join(" ")}\n`,
  printf: (format: string, ...values: unknown[]) => goPrintf(format, values),
  html: (value: unknown) => Bun.escapeHTML(text(value)),
  urlquery: (value: unknown) => encodeURIComponent(text(value)).replaceAll("%20", "+"),
  json: (value: unknown) => goJson(value),
  split: (value: string, separator: string) => value.split(separator),
  join: (values: unknown[] | null, separator: string) => (values ?? []).map(text).join(separator),
  lower: (value: unknown) => text(value).toLowerCase(),
  upper: (value: unknown) => text(value).toUpperCase(),
  title: (value: unknown) => text(value).replace(/(^|\s)\S/g, (letter) => letter.toUpperCase()),
  pad: (value: unknown, before: number, after: number) =>
    text(value) === "" ? "" : " ".repeat(before) + text(value) + " ".repeat(after),
  truncate: (value: unknown, length: number) => text(value).slice(0, length),
};
