import { invalid } from "../base/errors.ts";
import type { Peer } from "../base/peer.ts";

/** One value of the query string or of a header: how it is read and written. */
export interface Param<T> {
  readonly decode: (raw: string) => T;
  readonly encode: (value: T) => string;
  /** Its name on the wire, where that is not the field's own. */
  readonly wire?: string;
  readonly where?: "header";
  /** The value stands once for each element (`names=a&names=b`). */
  readonly many?: true;
}

export const text: Param<string> = { decode: (raw) => raw, encode: (value) => value };

export const int: Param<number> = {
  decode: (raw) => {
    // the words of Docker's server, which a client may know
    if (!/^-?\d+$/.test(raw)) throw invalid(`strconv.Atoi: parsing ${JSON.stringify(raw)}: invalid syntax`);
    return Number(raw);
  },
  encode: String,
};

const FALSE = new Set(["", "0", "no", "false", "none"]);

/** Docker's rule: false when empty, `0`, `no`, `false`, `none` in any case; else true. */
export const bool: Param<boolean> = {
  decode: (raw) => !FALSE.has(raw.toLowerCase()),
  encode: (value) => (value ? "1" : "0"),
};

export const texts: Param<string[]> = {
  decode: (raw) => [raw],
  encode: (value) => value.join(","),
  many: true,
};

/** The same parameter by another name on the wire: `as(int, "t")`. */
export const as = <T>(param: Param<T>, wire: string): Param<T> => ({ ...param, wire });

/** A parameter that travels as a header: `header("X-Registry-Auth")`. */
export const header = (wire: string): Param<string> => ({ ...text, wire, where: "header" });

/** What the server answers. `O` is what the job returns and what the client's `call` resolves with. */
export interface Answer<O> {
  readonly kind: "none" | "json" | "later" | "text" | "lines" | "bytes" | "duplex";
  readonly status: number;
  /** `lines`: what stands behind each object. */
  readonly separator?: "\n" | "\r\n";
  /** Beside the headers of every answer. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Never present: carries the type. */
  readonly output?: O;
}

/** An answer whose head goes out at once and whose body comes when it is known (`/wait`). */
export interface Later<T> {
  readonly later: Promise<T>;
}

/** A body of unknown length: logs, tar archives. */
export interface ByteStream {
  readonly contentType: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly chunks: AsyncIterable<Uint8Array>;
}

/** What an attach or exec job answers: the server upgrades the connection, then calls `run` with the peer. */
export interface Hijack {
  readonly contentType: string;
  run(peer: Peer): Promise<void>;
}

export const none = (status = 204): Answer<void> => ({ kind: "none", status });
export const json = <T>(status = 200): Answer<T> => ({ kind: "json", status });
export const later = <T>(): Answer<Later<T>> => ({ kind: "later", status: 200 });
export const plain = (headers?: Readonly<Record<string, string>>): Answer<string> => ({
  kind: "text",
  status: 200,
  headers,
});
export const lines = <T>(separator: "\n" | "\r\n" = "\n"): Answer<AsyncIterable<T>> => ({
  kind: "lines",
  status: 200,
  separator,
});
export const bytes = (): Answer<ByteStream> => ({ kind: "bytes", status: 200 });
export const duplex = (): Answer<Hijack> => ({ kind: "duplex", status: 101 });

/** What the caller sends. `B` is what it adds to the input: `{ body: T }`, or nothing. */
export interface Body<B> {
  readonly kind: "json" | "bytes";
  /** A request without a body is as good as one with `{}`. */
  readonly optional?: boolean;
  readonly input?: B;
}

export const jsonBody = <T>(): Body<{ body: T }> => ({ kind: "json" });
export const optionalBody = <T>(): Body<{ body?: T }> => ({ kind: "json", optional: true });
export const bytesBody = (): Body<{ body: AsyncIterable<Uint8Array> }> => ({ kind: "bytes", optional: true });

type Params = Readonly<
  Record<string, Param<never> | Param<string> | Param<number> | Param<boolean> | Param<string[]>>
>;
type Flat<T> = { [K in keyof T]: T[K] };
/** `/a/{name}/b` to `{ name: string }`; `{name*}` matches slashes too. */
type PathInput<P extends string> = P extends `${string}{${infer N}}${infer R}`
  ? { [K in N extends `${infer S}*` ? S : N]: string } & PathInput<R>
  : unknown;
type QueryInput<Q extends Params> = { [K in keyof Q]?: Q[K] extends Param<infer T> ? T : never };

export type Method = "GET" | "HEAD" | "POST" | "PUT" | "DELETE";

/** One verb of the Engine API, said once: the server routes by it, the client calls by it. `I` and `O` are its types. */
export interface Endpoint<I, O> {
  readonly method: Method;
  readonly path: string;
  readonly query: Params;
  readonly body?: Body<unknown>;
  readonly answer: Answer<O>;
  /** Never present: carries the type. */
  readonly input?: I;
}

interface Shape<Q extends Params, B, O> {
  readonly query?: Q;
  readonly body?: Body<B>;
  readonly answer: Answer<O>;
}

/**
 * Declares an endpoint. Its input type is inferred from path, query and body:
 * `endpoint("POST", "/containers/{name}/stop", { query: { timeout: as(int, "t") }, answer: none() })`
 * takes `{ name: string; timeout?: number }`.
 */
// biome-ignore lint/complexity/noBannedTypes: `{}` is "adds nothing" in an intersection
export const endpoint = <P extends string, O, Q extends Params = {}, B = {}>(
  method: Method,
  path: P,
  shape: Shape<Q, B, O>,
): Endpoint<Flat<PathInput<P> & QueryInput<Q> & B>, O> => ({
  method,
  path,
  query: shape.query ?? {},
  body: shape.body,
  answer: shape.answer,
});
