import { API_VERSION, checkVersion, compareVersions, MIN_API_VERSION } from "../api/version.ts";
import { codeOf, messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Engine } from "../engine/engine.ts";
import { inputOf } from "./decode.ts";
import { type Match, Table } from "./match.ts";
import { errorReply, type Headers, jsonReply, type Reply, replyOf, textReply } from "./reply.ts";
import type { Route } from "./route.ts";

/** A request before it is a job: as light as a transport can make it. */
export interface Call {
  readonly method: string;
  /** Path and query as on the wire. */
  readonly target: string;
  /** By its lower-case name. */
  header(name: string): string | undefined;
  /** To be iterated once. Throws when the caller hangs up. */
  readonly body: AsyncIterable<Uint8Array>;
  /** Aborts when the caller hangs up. Made when first read: most requests never need it. */
  readonly signal: AbortSignal;
}

/** Answers every call; never rejects. */
export type Router = (call: Call) => Promise<Reply>;

const NOT_FOUND = jsonReply(404, { message: "page not found" }, {});
const VERSIONED = /^\/v([0-9][0-9.]*)(\/.*)$/;

/** Routes calls to the engine's jobs. A pure function: no socket, no state, callable from within the process. */
export function router<M>(routes: readonly Route<M>[], engine: Engine<M>, server: string, log: Log): Router {
  const table = new Table(routes);
  const bare: Headers = { "Api-Version": API_VERSION, Ostype: "linux", Server: server };
  const headers: Headers = { ...bare, "Docker-Experimental": "false" };

  const answer = async (match: Match<M>, call: Call, query: string, version: string): Promise<Reply> => {
    const { endpoint, job } = match.route;
    const input = await inputOf(endpoint, match.path, query, call);
    const output = await engine.run(job, input as never, call);
    const extra = endpoint.answer.headers;
    return replyOf(endpoint.answer, output, extra ? { ...headers, ...extra } : headers, version);
  };

  return async (call) => {
    const { target } = call;
    const mark = target.indexOf("?");
    const whole = mark < 0 ? target : target.slice(0, mark);
    const prefixed = whole.startsWith("/v") ? VERSIONED.exec(whole) : null;
    const match = table.find(call.method, prefixed ? prefixed[2]! : whole);
    if (!match) return whole.includes("//") ? moved(whole, target) : NOT_FOUND;
    try {
      if (prefixed) checkVersion(prefixed[1]!);
    } catch (error) {
      return refused(prefixed![1]!, error, bare);
    }
    try {
      return await answer(match, call, mark < 0 ? "" : target.slice(mark + 1), prefixed?.[1] ?? API_VERSION);
    } catch (error) {
      if (codeOf(error) === "internal")
        log.error(`${call.method} ${whole}`, { error: messageOf(error), stack: stackOf(error) });
      return errorReply(error, headers);
    }
  };
}

/** Docker's mux sends a path with empty segments to the clean one. */
const moved = (path: string, target: string): Reply => ({
  status: 301,
  headers: { Location: path.replace(/\/+/g, "/") + target.slice(path.length) },
});

/** A client older than any we know may not read JSON errors: it gets the bare words. */
function refused(asked: string, error: unknown, headers: Headers): Reply {
  if (compareVersions(asked, MIN_API_VERSION) >= 0) return errorReply(error, headers);
  return textReply(400, messageOf(error), { ...headers, "X-Content-Type-Options": "nosniff" });
}

const stackOf = (error: unknown): string | undefined => (error instanceof Error ? error.stack : undefined);
