import type { Hijack } from "../../api/endpoint.ts";
import { MULTIPLEXED_STREAM, RAW_STREAM } from "../../api/streams.ts";
import { conflict, invalid } from "../../base/errors.ts";
import type { Peer } from "../../base/peer.ts";
import { announce } from "../../container/announce.ts";
import { converse, parseDetachKeys } from "../../container/attach.ts";
import type { Container } from "../../container/container.ts";
import { notRunning } from "../../container/container.ts";
import { readLog } from "../../container/logs.ts";
import { job } from "../../engine/job.ts";
import type { Streams } from "../../execdriver/driver.ts";
import type { Needs } from "../needs.ts";
import { requestOf } from "./logs.ts";

type AttachNeeds = Needs<"containers" | "events" | "log">;

export interface AttachInput {
  name: string;
  stdin?: boolean;
  stdout?: boolean;
  stderr?: boolean;
  stream?: boolean;
  logs?: boolean;
  detachKeys?: string;
}

/** The client's connection becomes the container's standard streams. Before the start too: no byte of output is lost then. */
export const containerAttach = job("attach", async (m: AttachNeeds, input: AttachInput): Promise<Hijack> => {
  const keys = parseDetachKeys(input.detachKeys);
  const container = m.containers.get(input.name);
  if (container.state.paused)
    throw conflict(`container ${input.name} is paused, unpause the container before attach`);
  if (container.state.restarting)
    throw conflict(`container ${input.name} is restarting, wait until the container is running`);
  const tty = container.config.Tty === true;
  const streams = {
    stdin: input.stdin === true && container.config.OpenStdin === true,
    stdout: input.stdout === true,
    stderr: input.stderr === true,
  };
  return {
    contentType: tty ? RAW_STREAM : MULTIPLEXED_STREAM,
    run: async (client) => {
      announce(m.events, container, "attach");
      // asked for first, so that nothing falls between the log and the stream
      const inside = input.stream ? insideOf(container, streams, client.closed) : undefined;
      if (input.logs) await replay(container, streams, client);
      const peer = await inside;
      if (!peer) return;
      const ending = await converse(client, peer, { stdin: streams.stdin, ...(tty ? { keys } : {}) });
      if (ending === "detached") announce(m.events, container, "detach");
    },
  };
});

/** The process' end of an attachment, now or when it starts; undefined when there will be none. */
function insideOf(container: Container, streams: Streams, gone: AbortSignal): Promise<Peer | undefined> {
  if (container.process) return container.process.attach(streams);
  return new Promise((resolve) => {
    const pending = {
      streams,
      // one that nobody reads would hold the container back
      ready: (inside: Peer) => (gone.aborted ? inside.close() : resolve(inside)),
      dropped: () => resolve(undefined),
    };
    const leave = () => {
      const at = container.pending.indexOf(pending);
      if (at >= 0) container.pending.splice(at, 1);
      resolve(undefined);
    };
    container.pending.push(pending);
    if (gone.aborted) leave();
    else gone.addEventListener("abort", leave, { once: true });
  });
}

async function replay(container: Container, streams: Streams, client: Peer): Promise<void> {
  const request = requestOf(container, streams, client.closed);
  for await (const chunk of readLog(container.logPath, request)) await client.write(chunk);
}

/** Sets the size of the container's terminal, in characters. */
export const containerResize = job(
  "resize",
  async (m: AttachNeeds, input: { name: string; height?: number; width?: number }): Promise<void> => {
    const { height, width } = sizeOf(input);
    const container = m.containers.get(input.name);
    if (!container.process) throw notRunning(container.id);
    await container.process.resize(height, width);
    announce(m.events, container, "resize", { height: String(height), width: String(width) });
  },
);

const MOST = 65535;

/** Throws `invalid` in Docker's words. */
export function sizeOf({ height, width }: { height?: number; width?: number }): {
  height: number;
  width: number;
} {
  for (const [name, value] of [
    ["height", height],
    ["width", width],
  ] as const) {
    if (value === undefined) throw invalid(`invalid resize ${name} "": invalid syntax`);
    if (value < 0 || value > MOST) throw invalid(`invalid resize ${name} "${value}": value out of range`);
  }
  return { height: height!, width: width! };
}
