import { invalid } from "../base/errors.ts";
import type { Reply } from "./reply.ts";
import type { Call, Router } from "./router.ts";

/** The router for callers that speak `Request` and `Response`: `Bun.serve`, and clients in this process. */
export const fetchStyle =
  (router: Router) =>
  async (request: Request): Promise<Response> =>
    responseOf(await router(callOf(request)), request.method);

function callOf(request: Request): Call {
  const url = new URL(request.url);
  return {
    method: request.method,
    target: url.pathname + url.search,
    header: (name) => request.headers.get(name) ?? undefined,
    body: request.body ?? nothing(),
    signal: request.signal,
  };
}

function responseOf(reply: Reply, method: string): Response {
  if (reply.hijack) throw invalid("this transport cannot hand over its connection");
  const bare = method === "HEAD" || reply.status === 204 || reply.status === 304;
  return new Response(bare ? null : bodyOf(reply.body), { status: reply.status, headers: reply.headers });
}

function bodyOf(body: Reply["body"]): string | ReadableStream<Uint8Array> | null {
  if (body === undefined || typeof body === "string") return body ?? null;
  const chunks = body[Symbol.asyncIterator]();
  const encoder = new TextEncoder();
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { done, value } = await chunks.next();
      if (done) controller.close();
      else controller.enqueue(typeof value === "string" ? encoder.encode(value) : value);
    },
    async cancel() {
      await chunks.return?.();
    },
  });
}

async function* nothing(): AsyncGenerator<Uint8Array> {}
