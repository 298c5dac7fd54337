import { print, printRaw } from "./output.ts";
import { type Missing, Template } from "./template/evaluate.ts";
import { TemplateError } from "./template/lex.ts";
import { goJson } from "./template/print.ts";

/** A list for people and scripts: what its fields are called above a column, and its usual columns. */
export interface Listing {
  /** The type's name in Go's error for a field that does not exist. */
  readonly type: string;
  readonly headers: Readonly<Record<string, string>>;
  /** The usual table, as a template. */
  readonly table: string;
  /** Said by `--format json`; fields that are functions of an argument are left out. */
  readonly rows: readonly Row[];
}

/** A field's text, or a function of an argument (`{{.Label "name"}}`). */
export type Row = Readonly<Record<string, unknown>>;

/**
 * Prints rows as `--format` says: `table` (the default), `table TEMPLATE`, `json`, or a template.
 * Throws with Go's words when the template is wrong.
 */
export function printListing(listing: Listing, format: string): void {
  if (format === "json") {
    for (const row of listing.rows) print(goJson(sorted(row)));
    return;
  }
  const isTable = format === "" || format === "table" || /^table\s/.test(format);
  const source = isTable ? format.replace(/^table\s*/, "") || listing.table : format;
  const template = compile(unescaped(source), unknownField(listing));
  if (!isTable) {
    for (const row of listing.rows) print(execute(template, row));
    return;
  }
  const header: Row = new Proxy(listing.headers, {
    // `{{.Label "x"}}` heads its column with the label's name
    get: (headers, name: string) =>
      headers[name] ?? (name === "Label" ? (label: string) => label : undefined),
    has: (headers, name) => name in headers || name === "Label",
  });
  printRaw(columns([header, ...listing.rows].map((row) => execute(template, row).split("\t"))));
}

function sorted(row: Row): Row {
  const pairs = Object.entries(row).filter(([, value]) => typeof value !== "function");
  return Object.fromEntries(pairs.sort(([a], [b]) => (a < b ? -1 : 1)));
}

const unknownField =
  ({ type }: Listing): Missing =>
  (name) => {
    throw new TemplateError(`can't evaluate field ${name} in type *${type}`);
  };

/** `\t` and `\n` may be written as two characters, so that the shell needs no quoting. */
const unescaped = (format: string): string => format.replaceAll("\\t", "\t").replaceAll("\\n", "\n");

export function compile(format: string, missing?: Missing): Template {
  try {
    return new Template(format, missing);
  } catch (error) {
    throw error instanceof TemplateError ? new Error(`failed to parse template: ${error.message}`) : error;
  }
}

function execute(template: Template, row: Row): string {
  try {
    return template.run(row);
  } catch (error) {
    throw error instanceof TemplateError ? new Error(`failed to execute template: ${error.message}`) : error;
  }
}

/** Columns three blanks apart, the last not padded; each at least `least` wide, as Docker's tabwriter has it. */
export function columns(rows: readonly (readonly string[])[], least = 10): string {
  const widths: number[] = [];
  for (const row of rows)
    row.slice(0, -1).forEach((cell, index) => {
      widths[index] = Math.max(widths[index] ?? least, Bun.stringWidth(cell) + 3);
    });
  const line = (row: readonly string[]) =>
    row
      .map((cell, index) =>
        index === row.length - 1 ? cell : cell + " ".repeat(widths[index]! - Bun.stringWidth(cell)),
      )
      .join("");
  return rows.map((row) => `${line(row)}\n`).join("");
}
