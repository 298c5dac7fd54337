import type { IncomingMessage, ServerResponse } from "node:http";
import { messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { drained, NodeCall } from "./call.ts";
import type { Reply } from "./reply.ts";
import type { Router } from "./router.ts";
import { hijackResponse } from "./upgrade.ts";

/** Answers one ordinary request. Never rejects. */
export async function respond(
  router: Router,
  request: IncomingMessage,
  response: ServerResponse,
  log: Log,
): Promise<void> {
  const call = new NodeCall(request, (abort) => onHangUp(response, abort));
  const reply = await router(call);
  if (response.destroyed) return discard(reply);
  if (reply.hijack) return hijackResponse(request, response, reply, reply.hijack, log);
  if (typeof reply.body === "object") return stream(response, reply, reply.body, log);
  const body = request.method === "HEAD" ? "" : (reply.body ?? "");
  if (reply.status === 204 || reply.status === 304) response.writeHead(reply.status, reply.headers);
  else response.writeHead(reply.status, { ...reply.headers, "Content-Length": Buffer.byteLength(body) });
  response.end(body);
}

function onHangUp(response: ServerResponse, abort: () => void): void {
  if (response.destroyed) abort();
  else response.once("close", () => response.writableFinished || abort());
}

/** The caller has gone before the answer was there: a stream must still be told to stop. */
async function discard(reply: Reply): Promise<void> {
  if (typeof reply.body === "object") await reply.body[Symbol.asyncIterator]().return?.();
}

/** Head at once, then chunks as fast as the caller reads them. A failure on the way breaks the connection off. */
async function stream(
  response: ServerResponse,
  reply: Reply,
  body: AsyncIterable<Uint8Array | string>,
  log: Log,
): Promise<void> {
  response.writeHead(reply.status, reply.headers);
  response.flushHeaders();
  try {
    for await (const chunk of body) {
      if (!response.write(chunk)) await drained(response);
      if (response.destroyed) return;
    }
    response.end();
  } catch (error) {
    if (!response.destroyed) log.warn("a stream broke off", { error: messageOf(error) });
    response.destroy();
  }
}
