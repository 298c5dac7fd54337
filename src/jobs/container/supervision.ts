import type { Supervision } from "../../container/monitor.ts";
import type { Needs } from "../needs.ts";
import { leaveNetworks } from "./network.ts";
import { discard, type RemoveNeeds } from "./remove.ts";
import { type StartNeeds, startAgain } from "./start.ts";
import { tellUnmounts } from "./volumes.ts";

/**
 * What the supervisor has done by jobs' code. `modules` is asked when it is needed: it holds the supervisor itself.
 *
 *     const supervisor = new Supervisor({ containers, events, execdriver, log }, supervision(() => modules));
 */
export const supervision = (
  modules: () => StartNeeds & RemoveNeeds & Needs<"networks" | "events">,
): Supervision => ({
  leave: async (container) => {
    const m = modules();
    await leaveNetworks(m, container);
    tellUnmounts(m, container);
  },
  again: (container) => startAgain(modules(), container),
  remove: (container) => discard(modules(), container, { volumes: true }),
});
