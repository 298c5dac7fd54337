/** A value as Go's `%v` prints what was decoded from JSON. */
export function goString(value: unknown, nothing = "<nil>"): string {
  if (value === null || value === undefined) return nothing;
  if (Array.isArray(value)) return `[${value.map((item) => goString(item)).join(" ")}]`;
  if (typeof value === "object") {
    const pairs = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
    return `map[${pairs.map(([key, item]) => `${key}:${goString(item)}`).join(" ")}]`;
  }
  if (typeof value === "number" && Math.abs(value) >= 1e21)
    return value.toExponential().replace(/e\+?/, "e+");
  return String(value);
}

const HTML: Readonly<Record<string, string>> = {
  "<": "\\u003c",
  ">": "\\u003e",
  "&": "\\u0026",
  "\u2028": "\\u2028",
  "\u2029": "\\u2029",
};

/** JSON on one line as Go's encoder writes it: `<`, `>` and `&` are escaped. A bigint is a bare number. */
export const goJson = (value: unknown, indent?: string): string =>
  (JSON.stringify(value ?? null, bare, indent) ?? "null").replace(
    /[<>&\u2028\u2029]/g,
    (char) => HTML[char]!,
  );

const bare = (_: string, value: unknown): unknown =>
  typeof value === "bigint"
    ? (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(String(value))
    : value;

const VERB = /%([-+# 0]*)(\d+)?(?:\.(\d+))?([a-zA-Z%])/g;

/** Go's fmt.Sprintf, as far as templates go: %s %v %d %q %t %x %f %c with width, precision, `-` and `0`. */
export function goPrintf(format: string, args: readonly unknown[]): string {
  let next = 0;
  const text = format.replace(
    VERB,
    (whole, flags: string, width?: string, precision?: string, verb?: string) => {
      if (verb === "%") return "%";
      if (next >= args.length) return `%!${verb}(MISSING)`;
      const body = formatted(
        verb!,
        args[next++],
        precision === undefined ? undefined : Number(precision),
        whole,
      );
      const room = Number(width ?? 0);
      if (flags.includes("-")) return body.padEnd(room);
      return body.padStart(room, flags.includes("0") ? "0" : " ");
    },
  );
  if (next >= args.length) return text;
  return `${text}%!(EXTRA ${args
    .slice(next)
    .map((item) => `${goType(item)}=${goString(item)}`)
    .join(", ")})`;
}

function formatted(verb: string, value: unknown, precision: number | undefined, whole: string): string {
  const isNumber = typeof value === "number" || typeof value === "bigint";
  if (verb === "v" || verb === "s") return goString(value).slice(0, precision);
  if (verb === "q") return JSON.stringify(goString(value));
  if (verb === "t" && typeof value === "boolean") return String(value);
  if (verb === "d" && isNumber) return String(value);
  if (verb === "f" && isNumber) return Number(value).toFixed(precision ?? 6);
  if ((verb === "x" || verb === "X") && isNumber) return cased(BigInt(value).toString(16), verb);
  if (verb === "x" || verb === "X") return cased(Buffer.from(goString(value)).toString("hex"), verb);
  if (verb === "c" && isNumber) return String.fromCodePoint(Number(value));
  if (verb === "T") return goType(value);
  return `%!${whole.at(-1)}(${goType(value)}=${goString(value)})`;
}

const cased = (text: string, verb: string): string => (verb === "X" ? text.toUpperCase() : text);

function goType(value: unknown): string {
  if (typeof value === "string") return "string";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "number") return Number.isInteger(value) ? "int" : "float64";
  return Array.isArray(value) ? "[]interface {}" : "map[string]interface {}";
}
