import type { Answer, ByteStream, Hijack, Later } from "../api/endpoint.ts";
import { MULTIPLEXED_STREAM, RAW_STREAM, toJson } from "../api/streams.ts";
import { compareVersions } from "../api/version.ts";
import { codeOf, type ErrorCode, messageOf } from "../base/errors.ts";

export type Headers = Readonly<Record<string, string>>;

/** An answer before it is bytes on some transport. */
export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  /** Whole, or a stream: then the head goes out at once, before there is anything to say. */
  readonly body?: string | AsyncIterable<Uint8Array | string>;
  /** Instead of a body: the connection itself becomes the stream. */
  readonly hijack?: Hijack;
}

const STATUS: Record<ErrorCode, number> = {
  invalid: 400,
  unauthorized: 401,
  forbidden: 403,
  not_found: 404,
  conflict: 409,
  unmodified: 304,
  unsupported: 501,
  unavailable: 503,
  canceled: 499,
  internal: 500,
};

const JSON_TYPE = "application/json";
const TEXT_TYPE = "text/plain; charset=utf-8";

/** The only place that turns an error into an HTTP status. An unknown error is our bug: 500. */
export const statusOf = (error: unknown): number => STATUS[codeOf(error)];

/** Any error as an answer: `{"message": …}`, and nothing at all for 304. */
export function errorReply(error: unknown, headers: Headers): Reply {
  const status = statusOf(error);
  if (status === 304) return { status, headers };
  return jsonReply(status, { message: messageOf(error) }, headers);
}

export const jsonReply = (status: number, value: unknown, headers: Headers): Reply => ({
  status,
  headers: { ...headers, "Content-Type": JSON_TYPE },
  body: `${toJson(value)}\n`,
});

export const textReply = (status: number, text: string, headers: Headers): Reply => ({
  status,
  headers: { ...headers, "Content-Type": TEXT_TYPE },
  body: text,
});

/** A job's output as its endpoint answers it. `version` is the caller's: older ones are not told of newer types. */
export async function replyOf(
  answer: Answer<unknown>,
  output: unknown,
  headers: Headers,
  version: string,
): Promise<Reply> {
  const { status } = answer;
  switch (answer.kind) {
    case "none":
      return { status, headers };
    case "json":
      return jsonReply(status, output, headers);
    case "text":
      return textReply(status, output as string, headers);
    case "later":
      return {
        status,
        headers: { ...headers, "Content-Type": JSON_TYPE },
        body: whenKnown(output as Later<unknown>),
      };
    case "lines":
      return linesReply(answer, output as AsyncIterable<unknown>, headers);
    case "bytes":
      return bytesReply(status, output as ByteStream, headers, version);
    case "duplex":
      return duplexReply(output as Hijack | undefined, headers, version);
  }
}

async function* whenKnown(output: Later<unknown>): AsyncGenerator<string> {
  yield `${toJson(await output.later)}\n`;
}

/**
 * One object a line. Progress (`\r\n`) waits for its first object, so that a failure before it is a plain error, and
 * tells a later one as a last line; others (events, stats) send their head at once.
 */
async function linesReply(
  answer: Answer<unknown>,
  output: AsyncIterable<unknown>,
  headers: Headers,
): Promise<Reply> {
  const { status, separator = "\n" } = answer;
  const head = { ...headers, "Content-Type": JSON_TYPE };
  const lines = output[Symbol.asyncIterator]();
  if (separator === "\n") return { status, headers: head, body: printed(lines, undefined, separator) };
  const first = await lines.next();
  return { status, headers: head, body: printed(lines, first, separator) };
}

async function* printed(
  lines: AsyncIterator<unknown>,
  first: IteratorResult<unknown> | undefined,
  separator: string,
): AsyncGenerator<string> {
  try {
    for (let next = first ?? (await lines.next()); !next.done; next = await lines.next())
      yield toJson(next.value) + separator;
  } catch (error) {
    if (separator === "\n") throw error;
    const message = messageOf(error);
    yield toJson({ errorDetail: { message }, error: message }) + separator;
  } finally {
    await lines.return?.();
  }
}

function bytesReply(status: number, output: ByteStream, headers: Headers, version: string): Reply {
  return {
    status,
    headers: { ...headers, ...output.headers, "Content-Type": streamType(output.contentType, version) },
    body: output.chunks,
  };
}

/** A job that was asked to run detached has no stream to give: 200 and nothing. */
function duplexReply(output: Hijack | undefined, headers: Headers, version: string): Reply {
  if (!output) return { status: 200, headers };
  return {
    status: 101,
    headers: { ...headers, "Content-Type": streamType(output.contentType, version) },
    hijack: output,
  };
}

const streamType = (type: string, version: string): string =>
  type === MULTIPLEXED_STREAM && compareVersions(version, "1.42") < 0 ? RAW_STREAM : type;
