import type { Server } from "../server/serve.ts";

/** Looks so often whether anything goes on. milliseconds */
const EVERY = 500;
/** So long without a request, and memory is given back. milliseconds */
const REST = 3_000;

/** Calls `end` once, when for `seconds` no request was in work and `busy` said no. What it returns stops watching. */
export function whenIdle(seconds: number, server: Server, busy: () => boolean, end: () => void): () => void {
  if (seconds <= 0) return () => {};
  let busyUntil = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    if (server.active > 0 || busy()) busyUntil = now;
    if (Math.min(now - busyUntil, server.quietFor) < seconds * 1000) return;
    clearInterval(timer);
    end();
  }, EVERY);
  return () => clearInterval(timer);
}

/** Calls `rest` once for each time that no request comes for some seconds. What it returns stops watching. */
export function whenQuiet(server: Server, rest: () => void): () => void {
  let rested = false;
  const timer = setInterval(() => {
    const quiet = server.quietFor >= REST;
    if (quiet && !rested) rest();
    rested = quiet;
  }, REST);
  return () => clearInterval(timer);
}
