/** A template that cannot be read or run, in the words of Go's text/template. */
export class TemplateError extends Error {}

export type TokenKind =
  | "field"
  | "variable"
  | "word"
  | "string"
  | "number"
  | "dot"
  | "("
  | ")"
  | "|"
  | ":="
  | "="
  | ",";

export interface Token {
  readonly kind: TokenKind;
  /** A string's value, a field's or a variable's name, else what stood there. */
  readonly text: string;
  /** Offset in the template. */
  readonly at: number;
  /** Whether blanks stand before it: `(x).Name` is a field of x, `(x) .Name` an argument. */
  readonly spaced: boolean;
}

/** Text outside the braces, or the tokens of one action. */
export type Piece = { readonly text: string } | { readonly tokens: readonly Token[]; readonly at: number };

/** Splits a template into text and actions; `{{-` and `-}}` eat the blanks beside them, comments vanish. */
export function lex(template: string): Piece[] {
  const pieces: Piece[] = [];
  let at = 0;
  let trimNext = false;
  while (at < template.length) {
    const open = template.indexOf("{{", at);
    let text = template.slice(at, open < 0 ? template.length : open);
    if (trimNext) text = text.trimStart();
    const trimBefore = open >= 0 && /^\{\{-\s/.test(template.slice(open, open + 4));
    if (trimBefore) text = text.trimEnd();
    if (text !== "") pieces.push({ text });
    if (open < 0) break;
    const start = open + (trimBefore ? 3 : 2);
    const action = lexAction(template, start);
    if (action.tokens.length > 0) pieces.push({ tokens: action.tokens, at: start });
    trimNext = action.trim;
    at = action.end;
  }
  return pieces;
}

const BLANK = /\s+/y;
const COMMENT = /\/\*[\s\S]*?\*\//y;
const TOKENS: readonly (readonly [TokenKind, RegExp])[] = [
  ["field", /\.[\p{L}_][\p{L}\p{N}_]*/uy],
  ["number", /[-+]?(?:0[xX][0-9a-fA-F]+|\d+(?:\.\d+)?)/y],
  ["dot", /\./y],
  ["variable", /\$[\p{L}\p{N}_]*/uy],
  ["word", /[\p{L}_][\p{L}\p{N}_]*/uy],
  ["string", /"(?:[^"\\\n]|\\.)*"|`[^`]*`|'(?:[^'\\\n]|\\.)'/y],
  [":=", /:=/y],
  ["=", /=/y],
  ["(", /\(/y],
  [")", /\)/y],
  ["|", /\|/y],
  [",", /,/y],
];

function lexAction(template: string, start: number): { tokens: Token[]; end: number; trim: boolean } {
  const tokens: Token[] = [];
  let at = start;
  for (;;) {
    const before = at;
    at = skip(COMMENT, template, skip(BLANK, template, at));
    const spaced = at > before;
    if (template.startsWith("}}", at)) return { tokens, end: at + 2, trim: false };
    if (spaced && template.startsWith("-}}", at)) return { tokens, end: at + 3, trim: true };
    const found = nextToken(template, at);
    if (!found) {
      if (at >= template.length || template.startsWith("{{", at)) throw new TemplateError("unclosed action");
      throw new TemplateError(`unexpected ${JSON.stringify(template[at])} in command`);
    }
    tokens.push({ kind: found.kind, text: meaningOf(found.kind, found.raw), at, spaced });
    at += found.raw.length;
  }
}

function skip(pattern: RegExp, template: string, at: number): number {
  pattern.lastIndex = at;
  return at + (pattern.exec(template)?.[0].length ?? 0);
}

function nextToken(template: string, at: number): { kind: TokenKind; raw: string } | undefined {
  for (const [kind, pattern] of TOKENS) {
    pattern.lastIndex = at;
    const raw = pattern.exec(template)?.[0];
    if (raw !== undefined) return { kind, raw };
  }
  return undefined;
}

function meaningOf(kind: TokenKind, raw: string): string {
  if (kind === "field") return raw.slice(1);
  if (kind !== "string") return raw;
  if (raw.startsWith("`")) return raw.slice(1, -1);
  if (raw.startsWith("'")) return String(unquote(raw).codePointAt(0));
  return unquote(raw);
}

const ESCAPES: Readonly<Record<string, string>> = {
  n: "\n",
  t: "\t",
  r: "\r",
  a: "\x07",
  b: "\b",
  f: "\f",
  v: "\v",
};

const unquote = (raw: string): string =>
  raw
    .slice(1, -1)
    .replace(/\\(u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|.)/g, (_, code: string) =>
      code.length > 1 ? String.fromCodePoint(Number.parseInt(code.slice(1), 16)) : (ESCAPES[code] ?? code),
    );
