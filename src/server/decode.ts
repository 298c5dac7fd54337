import type { Body, Endpoint, Param } from "../api/endpoint.ts";
import { fromJson } from "../api/streams.ts";
import { invalid, messageOf } from "../base/errors.ts";
import type { Call } from "./router.ts";

/** bytes; far above any real body, far below what could hurt */
const MOST_JSON = 32 * 1024 * 1024;

/** What an endpoint's job takes, out of a request: path, query, headers and body. Throws `invalid`. */
export async function inputOf(
  endpoint: Endpoint<unknown, unknown>,
  path: Readonly<Record<string, string>>,
  query: string,
  call: Call,
): Promise<Record<string, unknown>> {
  const input: Record<string, unknown> = { ...path };
  const params = Object.entries(endpoint.query) as [string, Param<unknown>][];
  const asked = query === "" ? undefined : new URLSearchParams(query);
  for (const [field, param] of params) {
    const value = decoded(field, param, asked, call);
    if (value !== undefined) input[field] = value;
  }
  if (endpoint.body) input.body = await bodyOf(endpoint.body, call);
  return input;
}

/** Docker takes a number's empty text for "not given". */
function decoded(
  field: string,
  param: Param<unknown>,
  asked: URLSearchParams | undefined,
  call: Call,
): unknown {
  const wire = param.wire ?? field;
  if (param.many) {
    const all = asked?.getAll(wire) ?? [];
    return all.length > 0 ? all : undefined;
  }
  const raw = param.where === "header" ? call.header(wire.toLowerCase()) : (asked?.get(wire) ?? undefined);
  return raw === undefined || raw === "" ? undefined : param.decode(raw);
}

async function bodyOf(body: Body<unknown>, call: Call): Promise<unknown> {
  if (body.kind === "bytes") return call.body;
  const type = call.header("content-type");
  const length = call.header("content-length");
  const chunked = call.header("transfer-encoding") !== undefined;
  const announced = chunked || (length !== undefined && length !== "0");
  if (announced || type !== undefined) checkJson(type ?? "");
  const text = announced ? await textOf(call.body) : "";
  if (text.trim() !== "") return parsed(text);
  if (body.optional) return undefined;
  throw invalid("invalid JSON: got EOF while reading request body");
}

function checkJson(type: string): void {
  if (/^\s*application\/json\s*(;|$)/i.test(type)) return;
  throw invalid(`unsupported Content-Type header (${type}): must be 'application/json'`);
}

async function textOf(body: AsyncIterable<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of body) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > MOST_JSON) throw invalid("invalid JSON: the request body is too large");
  }
  return text + decoder.decode();
}

function parsed(text: string): object {
  let value: unknown;
  try {
    value = fromJson(text);
  } catch (error) {
    throw invalid(`invalid JSON: ${messageOf(error).replace(/^JSON Parse error: /, "")}`, error);
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  const kind = value === null ? "null" : Array.isArray(value) ? "array" : typeof value;
  throw invalid(`invalid JSON: json: cannot unmarshal ${kind} into an object`);
}
