import { announce } from "../../container/announce.ts";
import { job } from "../../engine/job.ts";
import type { Needs } from "../needs.ts";

type PauseNeeds = Needs<"containers" | "execdriver" | "events">;

/** Freezes every process of the container. */
export const containerPause = job("pause", async (m: PauseNeeds, input: { name: string }): Promise<void> => {
  const container = m.containers.get(input.name);
  await container.hold(async () => {
    container.mayPause();
    await m.execdriver.pause(container.id);
    container.state.paused = true;
    m.containers.save(container);
  });
  announce(m.events, container, "pause");
});

export const containerUnpause = job(
  "unpause",
  async (m: PauseNeeds, input: { name: string }): Promise<void> => {
    const container = m.containers.get(input.name);
    await container.hold(async () => {
      container.mayUnpause();
      await m.execdriver.resume(container.id);
      container.state.paused = false;
      m.containers.save(container);
    });
    announce(m.events, container, "unpause");
  },
);
