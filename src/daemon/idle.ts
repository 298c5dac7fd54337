import type { Server } from "../server/serve.ts";

/** Looks so often whether anything goes on. milliseconds */
const EVERY = 500;
/**
 * So long without a request, and memory is given back. Not sooner: until its pages are mapped again, a container starts
 * 1 ms slower, some ten times over. milliseconds
 */
const REST = 15_000;

/** What is watched of the server. */
export type Watched = Pick<Server, "active" | "quietFor">;

/** Calls `end` once, when for `seconds` no request was in work and `busy` said no. What it returns stops watching. */
export function whenIdle(
  seconds: number,
  server: Watched,
  busy: () => boolean,
  end: () => void,
  every = EVERY,
): () => void {
  if (seconds <= 0) return () => {};
  let busyUntil = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    if (server.active > 0 || busy()) busyUntil = now;
    if (Math.min(now - busyUntil, server.quietFor) < seconds * 1000) return;
    clearInterval(timer);
    end();
  }, every);
  return () => clearInterval(timer);
}

/** Calls `rest` once each time that no request came for a while. What it returns stops watching. */
export function whenQuiet(server: Watched, rest: () => void, quiet = REST): () => void {
  let rested = false;
  const look = () => {
    const missing = quiet - server.quietFor;
    if (missing <= 0 && !rested) rest();
    rested = missing <= 0;
    timer = setTimeout(look, rested ? quiet : missing);
  };
  let timer = setTimeout(look, quiet);
  return () => clearTimeout(timer);
}
