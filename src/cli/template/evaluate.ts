import { FUNCTIONS, truth } from "./functions.ts";
import { TemplateError, type Token } from "./lex.ts";
import { type Branch, type Node, type Operand, type Pipe, parseTemplate } from "./parse.ts";
import { goString } from "./print.ts";

/** What a field that is not there means: a value, or an error by throwing its reason. */
export type Missing = (name: string, data: object) => unknown;

/** JSON from the engine: Go's words for a map without the key. */
export const missingKey: Missing = (name) => {
  throw new TemplateError(`map has no entry for key ${JSON.stringify(name)}`);
};

/** A Go template (text/template with Docker's functions), read once and run for each value. */
export class Template {
  readonly #source: string;
  readonly #nodes: readonly Node[];
  readonly #missing: Missing;

  /** Throws TemplateError: `template: :1: unclosed action`. */
  constructor(source: string, missing: Missing = missingKey) {
    this.#source = source;
    this.#missing = missing;
    try {
      this.#nodes = parseTemplate(source, new Set(Object.keys(FUNCTIONS)));
    } catch (error) {
      if (error instanceof TemplateError) throw new TemplateError(`template: :1: ${error.message}`);
      throw error;
    }
  }

  /** Throws TemplateError with the place: `template: :1:2: executing "" at <.Nope>: …`. */
  run(data: unknown): string {
    return new Run(this.#source, this.#missing, data).list(this.#nodes);
  }
}

class Leave extends Error {
  readonly again: boolean;

  constructor(again: boolean) {
    super("break or continue outside range");
    this.again = again;
  }
}

class Run {
  readonly #source: string;
  readonly #missing: Missing;
  readonly #variables: [string, unknown][];
  #dot: unknown;
  #out = "";

  constructor(source: string, missing: Missing, data: unknown) {
    this.#source = source;
    this.#missing = missing;
    this.#dot = data;
    this.#variables = [["$", data]];
  }

  list(nodes: readonly Node[]): string {
    for (const node of nodes) this.#node(node);
    return this.#out;
  }

  #node(node: Node): void {
    if (node.kind === "text") this.#out += node.text;
    else if (node.kind === "print") this.#out += goString(this.#pipe(node.pipe), "<no value>");
    else if (node.kind === "set") this.#set(node.name, this.#pipe(node.pipe), node.declare);
    else if (node.kind === "range") this.#range(node);
    else if (node.kind === "if" || node.kind === "with") this.#branch(node);
    else throw new Leave(node.kind === "continue");
  }

  #set(name: string, value: unknown, declare: boolean): void {
    const known = declare ? undefined : this.#variables.findLast(([other]) => other === name);
    if (known) known[1] = value;
    else this.#variables.push([name, value]);
  }

  #branch({ kind, pipe, names, body, otherwise }: Branch): void {
    const value = this.#pipe(pipe);
    this.#scoped(() => {
      if (names[0]) this.#set(names[0], value, true);
      if (truth(value)) this.#with(kind === "with" ? value : this.#dot, body);
      else this.list(otherwise);
    });
  }

  #range({ pipe, names, body, otherwise }: Branch): void {
    const items = entriesOf(this.#pipe(pipe));
    if (items.length === 0) {
      this.#scoped(() => this.list(otherwise));
      return;
    }
    for (const [key, item] of items) {
      try {
        this.#scoped(() => {
          if (names.length > 1) this.#set(names[0]!, key, true);
          if (names.length > 0) this.#set(names.at(-1)!, item, true);
          this.#with(item, body);
        });
      } catch (error) {
        if (!(error instanceof Leave)) throw error;
        if (!error.again) return;
      }
    }
  }

  #scoped(body: () => void): void {
    const depth = this.#variables.length;
    const dot = this.#dot;
    try {
      body();
    } finally {
      this.#variables.length = depth;
      this.#dot = dot;
    }
  }

  #with(dot: unknown, body: readonly Node[]): void {
    this.#dot = dot;
    this.list(body);
  }

  #pipe(pipe: Pipe): unknown {
    let value: unknown;
    let piped = false;
    for (const [first, ...rest] of pipe) {
      const args = () => [...rest.map((operand) => this.#operand(operand)), ...(piped ? [value] : [])];
      value = this.#command(first!, args);
      piped = true;
    }
    return value;
  }

  #command(first: Operand, args: () => unknown[]): unknown {
    if (first.base.kind === "call") return this.#call(first, args());
    const value = this.#operand(first);
    if (typeof value === "function") return value(...args());
    if (args().length > 0) throw this.#failed(first, first.at, "can't give argument to non-function");
    return value;
  }

  #call(operand: Operand, args: unknown[]): unknown {
    const name = (operand.base as { name: string }).name;
    try {
      const result = FUNCTIONS[name]!(...(args as never[]));
      return operand.fields.reduce((value, field) => this.#field(operand, value, field), result);
    } catch (error) {
      throw error instanceof TemplateError ? this.#failed(operand, operand.at, error.message) : error;
    }
  }

  #operand(operand: Operand): unknown {
    const { base, fields } = operand;
    if (base.kind === "call") return this.#call(operand, []);
    let value: unknown;
    if (base.kind === "dot") value = this.#dot;
    else if (base.kind === "literal") value = base.value;
    else if (base.kind === "group") value = this.#pipe(base.pipe);
    else {
      const known = this.#variables.findLast(([name]) => name === base.name);
      if (!known) throw new TemplateError(`template: :1: undefined variable ${JSON.stringify(base.name)}`);
      value = known[1];
    }
    return fields.reduce((item, field) => this.#field(operand, item, field), value);
  }

  #field(operand: Operand, value: unknown, field: Token): unknown {
    const name = field.text;
    if (value === null || value === undefined)
      throw this.#failed(operand, field.at, `nil data; no entry for key ${JSON.stringify(name)}`);
    if (typeof value !== "object")
      throw this.#failed(operand, field.at, `can't evaluate field ${name} in type ${typeof value}`);
    const key = keyOf(value, name);
    if (key !== undefined) return (value as Record<string, unknown>)[key];
    try {
      return this.#missing(name, value);
    } catch (error) {
      throw error instanceof TemplateError ? this.#failed(operand, field.at, error.message) : error;
    }
  }

  #failed(operand: Operand, at: number, reason: string): TemplateError {
    if (reason.startsWith("template: ")) return new TemplateError(reason);
    const line = this.#source.slice(0, at).split("\n").length;
    const column = at - (this.#source.lastIndexOf("\n", at - 1) + 1);
    const last = operand.fields.at(-1);
    const end = last ? last.at + last.text.length + 1 : this.#source.indexOf("}}", operand.at);
    const shown = this.#source.slice(operand.at, end < 0 ? undefined : end).trim();
    return new TemplateError(`template: :${line}:${column}: executing "" at <${shown}>: ${reason}`);
  }
}

/** Go's struct fields are `ID` where JSON has `Id`: a name that differs in case only is the same field. */
function keyOf(value: object, name: string): string | undefined {
  if (name in value && (Object.hasOwn(value, name) || !(name in Object.prototype))) return name;
  const lower = name.toLowerCase();
  return Object.keys(value).find((key) => key.toLowerCase() === lower);
}

function entriesOf(value: unknown): [unknown, unknown][] {
  if (typeof value === "number") return Array.from({ length: value }, (_, index) => [index, index]);
  if (Array.isArray(value)) return value.map((item, index) => [index, item]);
  if (value === null || value === undefined || typeof value !== "object") return [];
  return Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
}
