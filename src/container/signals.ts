import { constants } from "node:os";
import { invalid } from "../base/errors.ts";

/** signal(7): real-time signals that programs may use, as glibc counts them. */
const RTMIN = 34;
const RTMAX = 64;

/**
 * A signal by number or name, with or without `SIG`, in any case, `RTMIN+3` too, to its number.
 * Throws `invalid`: `invalid signal: ZZ`.
 */
export function parseSignal(text: string): number {
  const number = /^\d+$/.test(text) ? Number(text) : byName(text.toUpperCase().replace(/^SIG/, ""));
  if (number === undefined || number < 1 || number > RTMAX) throw invalid(`invalid signal: ${text}`);
  return number;
}

function byName(name: string): number | undefined {
  const known = (constants.signals as Record<string, number>)[`SIG${name}`];
  if (known !== undefined) return known;
  if (name === "CLD") return constants.signals.SIGCHLD;
  const realTime = /^RT(MIN|MAX)(?:([+-])(\d+))?$/.exec(name);
  if (!realTime) return undefined;
  const offset = Number(realTime[3] ?? 0);
  const number = realTime[1] === "MIN" ? RTMIN + offset : RTMAX - offset;
  const forward = realTime[2] !== "-";
  if (offset && forward !== (realTime[1] === "MIN")) return undefined;
  return number >= RTMIN && number <= RTMAX ? number : undefined;
}
