import type { ByteStream } from "../../api/endpoint.ts";
import { MULTIPLEXED_STREAM, RAW_STREAM } from "../../api/streams.ts";
import { invalid, unsupported } from "../../base/errors.ts";
import { parseTime, rfc3339 } from "../../base/units.ts";
import { logOptions } from "../../container/check.ts";
import type { Container } from "../../container/container.ts";
import { type LogRequest, readLog } from "../../container/logs.ts";
import { job } from "../../engine/job.ts";
import type { Needs } from "../needs.ts";

export interface LogsInput {
  name: string;
  stdout?: boolean;
  stderr?: boolean;
  follow?: boolean;
  since?: string;
  until?: string;
  timestamps?: boolean;
  tail?: string;
  details?: boolean;
}

/** What a container wrote, from its log; `follow` goes on until it ends. */
export const containerLogs = job(
  "logs",
  async (m: Needs<"containers" | "supervisor">, input: LogsInput, io): Promise<ByteStream> => {
    if (!input.stdout && !input.stderr) throw invalid("Bad parameters: you must choose at least one stream");
    const container = m.containers.get(input.name);
    const request = requestOf(container, input, io.signal);
    const follow = input.follow && container.running ? untilExit(m, container, io.signal) : undefined;
    return {
      contentType: container.config.Tty ? RAW_STREAM : MULTIPLEXED_STREAM,
      chunks: readLog(container.logPath, { ...request, follow }),
    };
  },
);

/** Throws `unsupported` when the container keeps no log. */
export function requestOf(
  container: Container,
  input: Omit<LogsInput, "name">,
  signal: AbortSignal,
): LogRequest {
  if (logOptions(container.hostConfig.LogConfig).kind === "none")
    throw unsupported("configured logging driver does not support reading");
  return {
    stdout: input.stdout === true,
    stderr: input.stderr === true,
    framed: !container.config.Tty,
    timestamps: input.timestamps === true,
    details: input.details === true,
    since: timeOf("since", input.since),
    until: timeOf("until", input.until),
    tail: tailOf(input.tail),
    signal,
  };
}

function tailOf(text: string | undefined): number | undefined {
  if (!text || text === "all") return undefined;
  if (!/^-?\d+$/.test(text)) throw invalid(`invalid value for tail: ${JSON.stringify(text)} is not a number`);
  return text.startsWith("-") ? undefined : Number(text);
}

function timeOf(name: string, text: string | undefined): string | undefined {
  if (!text || text === "0") return undefined;
  try {
    return rfc3339(parseTime(text));
  } catch (error) {
    throw invalid(`invalid value for ${name}: ${JSON.stringify(text)}`, error);
  }
}

/** Aborts when the container has ended and that is recorded. */
function untilExit(m: Needs<"supervisor">, container: Container, signal: AbortSignal): AbortSignal {
  const ended = new AbortController();
  m.supervisor.waiters.wait(container, "not-running", signal).then(
    () => ended.abort(),
    () => ended.abort(),
  );
  return ended.signal;
}
