import type { Endpoint, Hijack, Param } from "../api/endpoint.ts";
import { decodeLines, fromJson } from "../api/streams.ts";
import { pingHead } from "../api/system.ts";
import { EngineError, type ErrorCode } from "../base/errors.ts";
import type { Peer } from "../base/peer.ts";
import type { Request, Response, Transport } from "./transport.ts";

/** The newest version of the API that we speak. */
export const API_VERSION = "1.51";

const CODES: Readonly<Record<number, ErrorCode>> = {
  304: "unmodified",
  400: "invalid",
  401: "unauthorized",
  403: "forbidden",
  404: "not_found",
  409: "conflict",
  501: "unsupported",
  503: "unavailable",
};

/** What the engine answered instead of success. */
export class ResponseError extends EngineError {
  readonly status: number;

  constructor(status: number, message: string) {
    super(CODES[status] ?? "internal", message);
    this.name = "ResponseError";
    this.status = status;
  }
}

/** The connection of an attach or exec; `framed` when stdout and stderr stand in 8-byte frames. */
export interface Duplex extends Peer {
  readonly framed: boolean;
}

/** The Engine API from the caller's side: `call(endpoint, input)`, typed by the endpoint. */
export class Client {
  readonly transport: Transport;
  #version: string;
  /** Set by DOCKER_API_VERSION: then nothing is negotiated. */
  readonly #fixed: boolean;
  #agreed = false;

  constructor(transport: Transport, version?: string) {
    this.transport = transport;
    this.#version = version || API_VERSION;
    this.#fixed = Boolean(version);
  }

  get version(): string {
    return this.#version;
  }

  /**
   * Resolves with what the endpoint answers: a value, or for streams (`lines`, `bytes`) when their head is there.
   * 304 counts as done. Throws ResponseError and ConnectError.
   */
  async call<I, O>(
    endpoint: Endpoint<I, O>,
    input: NoInfer<I>,
    options: { signal?: AbortSignal } = {},
  ): Promise<O> {
    const response = await this.#send(endpoint, input as Input, options.signal);
    return (await answer(endpoint.answer.kind, response)) as O;
  }

  /** Attach and exec: the connection itself. */
  async hijack<I>(endpoint: Endpoint<I, Hijack | undefined>, input: NoInfer<I>): Promise<Duplex> {
    const response = await this.#send(endpoint, input as Input);
    const type = response.headers.get("content-type") ?? "";
    return { ...response.peer(), framed: type.includes("multiplexed") };
  }

  close(): void {
    this.transport.close();
  }

  async #send(endpoint: Endpoint<unknown, unknown>, input: Input, signal?: AbortSignal): Promise<Response> {
    const request = requestOf(endpoint, input, signal);
    // A body that streams cannot be sent twice: agree on the version first.
    if (typeof request.body === "object" && !this.#agreed && !this.#fixed) await this.#ping();
    const response = await this.transport.send({ ...request, target: `/v${this.#version}${request.target}` });
    if (response.status < 400) {
      this.#agreed = true;
      return response;
    }
    const failure = await errorOf(response);
    if (!this.#fixed && !this.#agreed && this.#adopt(failure)) return this.#send(endpoint, input, signal);
    throw failure;
  }

  async #ping(): Promise<void> {
    const { headers } = await this.transport.send({ method: pingHead.method, target: pingHead.path });
    this.#agreed = true;
    const offered = headers.get("api-version");
    if (offered && older(offered, this.#version)) this.#version = offered;
  }

  /** True when the engine named a version that it speaks instead. */
  #adopt({ status, message }: ResponseError): boolean {
    const found = /(?:Maximum|Minimum) supported API version is (\d+\.\d+)/.exec(message);
    if (status !== 400 || !found) return false;
    this.#agreed = true;
    this.#version = found[1]!;
    return true;
  }
}

type Input = Readonly<Record<string, unknown>>;

/** Whether version `a` is older than `b`. */
const older = (a: string, b: string): boolean => {
  const [x = 0, y = 0] = a.split(".").map(Number);
  const [z = 0, w = 0] = b.split(".").map(Number);
  return x < z || (x === z && y < w);
};

function requestOf(endpoint: Endpoint<unknown, unknown>, input: Input, signal?: AbortSignal): Request {
  const headers: Record<string, string> = {};
  const query: string[] = [];
  for (const [name, raw] of Object.entries(endpoint.query)) {
    const value = input[name];
    if (value === undefined) continue;
    const param = raw as Param<unknown>;
    const wire = param.wire ?? name;
    if (param.where === "header") headers[wire] = param.encode(value);
    else if (param.many)
      for (const one of value as string[]) query.push(`${wire}=${encodeURIComponent(one)}`);
    else query.push(`${wire}=${encodeURIComponent(param.encode(value))}`);
  }
  const path = endpoint.path.replace(/\{(\w+)(\*?)\}/g, (_, name: string, deep: string) => {
    const segment = encodeURIComponent(String(input[name]));
    return deep ? segment.replaceAll("%2F", "/").replaceAll("%3A", ":").replaceAll("%40", "@") : segment;
  });
  const body = bodyOf(endpoint, input, headers);
  const target = query.length > 0 ? `${path}?${query.join("&")}` : path;
  return {
    method: endpoint.method,
    target,
    headers,
    body,
    signal,
    upgrade: endpoint.answer.kind === "duplex",
  };
}

function bodyOf(
  endpoint: Endpoint<unknown, unknown>,
  input: Input,
  headers: Record<string, string>,
): Request["body"] {
  if (!endpoint.body || input.body === undefined) return undefined;
  if (endpoint.body.kind === "json") {
    headers["Content-Type"] = "application/json";
    return JSON.stringify(input.body);
  }
  headers["Content-Type"] = "application/x-tar";
  return input.body as AsyncIterable<Uint8Array>;
}

async function answer(
  kind: Endpoint<unknown, unknown>["answer"]["kind"],
  response: Response,
): Promise<unknown> {
  switch (kind) {
    case "none":
      for await (const _ of response.body);
      return undefined;
    case "json":
      return fromJson(await textOf(response));
    case "text":
      return textOf(response);
    case "later": {
      const value = textOf(response).then(fromJson);
      value.catch(() => {}); // the caller looks at it when it wants to
      return { later: value };
    }
    case "lines":
      return decodeLines(response.body);
    case "bytes":
      return {
        contentType: response.headers.get("content-type") ?? "",
        headers: Object.fromEntries(response.headers),
        chunks: response.body,
      };
    case "duplex":
      throw new TypeError("an attach or exec is called by hijack()");
  }
}

async function textOf(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of response.body) text += decoder.decode(chunk, { stream: true });
  return text + decoder.decode();
}

async function errorOf(response: Response): Promise<ResponseError> {
  const text = (await textOf(response)).trim();
  let message = text;
  try {
    message = (JSON.parse(text) as { message?: string }).message ?? text;
  } catch {
    // an older engine, or something that is no engine, answers in plain text
  }
  return new ResponseError(response.status, message || `request returned ${response.status}`);
}
