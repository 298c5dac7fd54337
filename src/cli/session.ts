import { containerAttach, containerResize, containerWait, type WaitAnswer } from "../api/containers.ts";
import { fs } from "../base/node.ts";
import type { Client, Duplex } from "../client/client.ts";
import { ExitError } from "./exit.ts";
import { pump } from "./pump.ts";
import { proxySignals } from "./signals.ts";
import { Trace } from "./trace.ts";

/** How a person sits at a container: which streams, and what ends it. */
export interface Session {
  readonly tty: boolean;
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly detachKeys: string;
  readonly sigProxy: boolean;
  /** Which end of the container `wait` tells. */
  readonly condition: "next-exit" | "removed" | "not-running";
  /** Sets it going; undefined when it runs already. */
  readonly start?: () => Promise<void>;
  readonly trace?: Trace;
}

/**
 * Attaches to the container, starts it, and stays until it ends: no byte of its output and no exit is missed, because
 * attach and wait are open before it starts. Resolves with its exit code, or 0 when the user has detached.
 */
export async function sitAt(client: Client, id: string, session: Session): Promise<number> {
  const { tty, stdin, start, trace = new Trace(false) } = session;
  const terminal = tty ? await import("./terminal.ts") : undefined;
  const keys = terminal?.parseDetachKeys(session.detachKeys);
  if (session.sigProxy) proxySignals(client, id);
  const [duplex, wait] = await trace.step(
    "attach and wait",
    Promise.all([
      attach(client, id, session),
      client.call(containerWait, { name: id, condition: session.condition }),
      start && client.transport.warm(), // the connection that start will take
    ]),
  );
  const restore = terminal && stdin ? await terminal.rawMode() : undefined;
  const watch = terminal && keys ? new terminal.DetachWatch(keys) : undefined;
  const output = duplex && pump(duplex, { tty, stdin, detached: watch && ((typed) => watch.saw(typed)) });
  output?.catch(() => {}); // looked at below; a failed start is told first
  try {
    if (start) {
      const started = start();
      fs(); // what writes the output is loaded while the engine works
      await trace.step("start", started);
    }
    terminal?.watchSize((height, width) => {
      client.call(containerResize, { name: id, height, width }).catch(() => {});
    });
    if ((await trace.step("output", output ?? Promise.resolve("ended"))) === "detached") return 0;
    return exitCode(await trace.step("wait", wait.later));
  } catch (error) {
    // a container that was to be removed is gone before its failure is told
    if (session.condition === "removed") await Promise.race([wait.later, Bun.sleep(2000)]);
    throw error;
  } finally {
    restore?.();
  }
}

function attach(client: Client, id: string, session: Session): Promise<Duplex> | undefined {
  const { stdin, stdout, stderr } = session;
  if (!stdin && !stdout && !stderr) return undefined;
  return client.hijack(containerAttach, {
    name: id,
    stream: true,
    stdin: stdin || undefined,
    stdout: stdout || undefined,
    stderr: stderr || undefined,
    detachKeys: session.detachKeys || undefined,
  });
}

function exitCode({ StatusCode, Error: failure }: WaitAnswer): number {
  if (failure?.Message) throw new ExitError(125, `bunker: Error waiting for container: ${failure.Message}`);
  return StatusCode;
}
