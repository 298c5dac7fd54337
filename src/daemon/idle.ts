import type { Server } from "../server/serve.ts";

/** Looks so often whether anything goes on. milliseconds */
const EVERY = 500;
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

/** Calls `rest` once each time that no request came for `quiet` milliseconds. What it returns stops watching. */
export function whenQuiet(server: Watched, rest: () => void, quiet: number): () => void {
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
