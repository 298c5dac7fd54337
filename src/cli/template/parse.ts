import { lex, type Piece, TemplateError, type Token } from "./lex.ts";

/** A value: where it begins and the fields that follow it. */
export interface Operand {
  readonly base:
    | { readonly kind: "dot" }
    | { readonly kind: "variable"; readonly name: string }
    | { readonly kind: "literal"; readonly value: unknown }
    | { readonly kind: "call"; readonly name: string }
    | { readonly kind: "group"; readonly pipe: Pipe };
  readonly fields: readonly Token[];
  readonly at: number;
}

/** The first operand may be a function; the others are its arguments. */
export type Command = readonly Operand[];
export type Pipe = readonly Command[];

export type Node =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "print"; readonly pipe: Pipe }
  | { readonly kind: "set"; readonly name: string; readonly pipe: Pipe; readonly declare: boolean }
  | { readonly kind: "break" }
  | { readonly kind: "continue" }
  | Branch;

export interface Branch {
  readonly kind: "if" | "with" | "range";
  readonly pipe: Pipe;
  /** `range $index, $element := …`, `with $x := …` */
  readonly names: readonly string[];
  readonly body: readonly Node[];
  readonly otherwise: readonly Node[];
}

/** Reads a template. Throws TemplateError in Go's words: `unclosed action`, `function "x" not defined`… */
export function parseTemplate(template: string, functions: ReadonlySet<string>): Node[] {
  const parser = new Parser(lex(template), functions);
  const nodes = parser.list();
  if (parser.stopped) throw new TemplateError(`unexpected {{${parser.stopped}}}`);
  return nodes;
}

class Parser {
  readonly #pieces: readonly Piece[];
  readonly #functions: ReadonlySet<string>;
  #at = 0;
  #tokens: readonly Token[] = [];
  #token = 0;
  /** `end` or `else`, when one of them ended the list. */
  stopped: string | undefined;

  constructor(pieces: readonly Piece[], functions: ReadonlySet<string>) {
    this.#pieces = pieces;
    this.#functions = functions;
  }

  /** Nodes up to `end`, `else` or the template's end. */
  list(): Node[] {
    const nodes: Node[] = [];
    this.stopped = undefined;
    while (this.#at < this.#pieces.length) {
      const piece = this.#pieces[this.#at++]!;
      if ("text" in piece) {
        nodes.push({ kind: "text", text: piece.text });
        continue;
      }
      this.#tokens = piece.tokens;
      this.#token = 0;
      const word = this.#peek()?.kind === "word" ? this.#peek()!.text : "";
      if (word === "end" || word === "else") {
        this.#token++;
        this.stopped = word;
        return nodes;
      }
      nodes.push(this.#action(word));
    }
    return nodes;
  }

  #action(word: string): Node {
    if (word === "if" || word === "with" || word === "range") {
      this.#token++;
      return this.#branch(word);
    }
    if (word === "break" || word === "continue") return { kind: word };
    if (["template", "define", "block"].includes(word))
      throw new TemplateError(`{{${word}}} is not supported`);
    const next = this.#tokens[1]?.kind;
    if (this.#peek()?.kind === "variable" && (next === ":=" || next === "=")) {
      const name = this.#next()!.text;
      this.#token++;
      return { kind: "set", name, pipe: this.#pipe(), declare: next === ":=" };
    }
    return { kind: "print", pipe: this.#pipe() };
  }

  #branch(kind: Branch["kind"]): Branch {
    const names: string[] = [];
    if (this.#tokens.slice(this.#token).some((token) => token.kind === ":=")) {
      while (this.#peek()?.kind === "variable") {
        names.push(this.#next()!.text);
        if (this.#peek()?.kind === ",") this.#token++;
      }
      this.#token++;
    }
    const pipe = this.#pipe();
    const body = this.list();
    let otherwise: readonly Node[] = [];
    if (this.stopped === "else") {
      const again = this.#peek();
      if (again?.kind === "word") {
        this.#token++;
        return { kind, pipe, names, body, otherwise: [this.#branch(again.text as "if")] };
      }
      otherwise = this.list();
    }
    if (this.stopped !== "end") throw new TemplateError("unexpected EOF");
    this.stopped = undefined;
    return { kind, pipe, names, body, otherwise };
  }

  #peek(): Token | undefined {
    return this.#tokens[this.#token];
  }

  #next(): Token | undefined {
    return this.#tokens[this.#token++];
  }

  #pipe(): Pipe {
    const commands: Command[] = [];
    for (;;) {
      const operands: Operand[] = [];
      for (let token = this.#peek(); token && token.kind !== "|" && token.kind !== ")"; token = this.#peek())
        operands.push(this.#operand());
      if (operands.length === 0) throw new TemplateError("missing value for command");
      commands.push(operands);
      if (this.#peek()?.kind !== "|") return commands;
      this.#token++;
    }
  }

  #operand(): Operand {
    const token = this.#next()!;
    const fields: Token[] = token.kind === "field" ? [token] : [];
    const base = this.#base(token);
    for (let next = this.#peek(); next?.kind === "field" && !next.spaced; next = this.#peek()) {
      fields.push(next);
      this.#token++;
    }
    return { base, fields, at: token.at };
  }

  #base({ kind, text }: Token): Operand["base"] {
    if (kind === "dot" || kind === "field") return { kind: "dot" };
    if (kind === "variable") return { kind, name: text };
    if (kind === "string") return { kind: "literal", value: text };
    if (kind === "number") return { kind: "literal", value: Number(text) };
    if (kind === "word") return this.#word(text);
    if (kind !== "(") throw new TemplateError(`unexpected ${JSON.stringify(text)} in operand`);
    const pipe = this.#pipe();
    if (this.#next()?.kind !== ")") throw new TemplateError("unclosed left paren");
    return { kind: "group", pipe };
  }

  #word(text: string): Operand["base"] {
    if (text === "true" || text === "false") return { kind: "literal", value: text === "true" };
    if (text === "nil") return { kind: "literal", value: null };
    if (!this.#functions.has(text)) throw new TemplateError(`function ${JSON.stringify(text)} not defined`);
    return { kind: "call", name: text };
  }
}
