import type { Server } from "../server/serve.ts";

/** Looks so often whether anything goes on. milliseconds */
const EVERY = 500;

/** Calls `end` once, when for `seconds` no request was in work and `busy` said no. What it returns stops watching. */
export function whenIdle(seconds: number, server: Server, busy: () => boolean, end: () => void): () => void {
  if (seconds <= 0) return () => {};
  let quietSince = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    if (busy()) quietSince = now;
    const quiet = Math.min(now - quietSince, server.quietFor);
    if (quiet < seconds * 1000) return;
    clearInterval(timer);
    end();
  }, EVERY);
  timer.unref();
  return () => clearInterval(timer);
}
