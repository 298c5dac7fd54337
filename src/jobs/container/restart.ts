import { announce } from "../../container/announce.ts";
import { parseSignal } from "../../container/signals.ts";
import { job } from "../../engine/job.ts";
import { type StartNeeds, startContainer } from "./start.ts";
import { type StopInput, stopContainer } from "./stop.ts";

/** Stop, when it runs; then start. */
export const containerRestart = job("restart", async (m: StartNeeds, input: StopInput): Promise<void> => {
  const container = m.containers.get(input.name);
  const signal = input.signal ? parseSignal(input.signal) : undefined;
  await m.supervisor.keeping(container, async () => {
    if (container.running)
      await stopContainer(m, container, { signal, seconds: input.timeout, byUser: false });
    await startContainer(m, container);
  });
  announce(m.events, container, "restart");
});
