import { EngineError, messageOf } from "../../base/errors.ts";
import { announce } from "../../container/announce.ts";
import type { Container } from "../../container/container.ts";
import { job } from "../../engine/job.ts";
import type { Needs } from "../needs.ts";
import { forceKill } from "./kill.ts";
import { leaveNetworks } from "./network.ts";

export type RemoveNeeds = Needs<
  "containers" | "layers" | "volumes" | "networks" | "events" | "execdriver" | "supervisor" | "log"
>;

export interface RemoveInput {
  name: string;
  volumes?: boolean;
  force?: boolean;
  link?: boolean;
}

export const containerRemove = job("rm", async (m: RemoveNeeds, input: RemoveInput): Promise<void> => {
  const container = m.containers.get(input.name);
  if (input.link)
    throw new EngineError("conflict", "Conflict, cannot remove the default link name of the container");
  container.mayRemove(input.name, input.force === true);
  if (container.running) await forceKill(m, container, true);
  try {
    await discard(m, container, { volumes: input.volumes });
  } catch (error) {
    if (!input.force || !container.running) throw error;
    await forceKill(m, container, true); // a start was under way
    await discard(m, container, { volumes: input.volumes });
  }
});

/**
 * Removes a container that does not run, with its layer and folder, and its anonymous volumes when `volumes`. Gone for every
 * caller when it returns; cgroups and files go in the background, or when the next daemon sweeps. Called twice at once, the
 * second waits and does nothing.
 */
export async function discard(m: RemoveNeeds, container: Container, { volumes = false } = {}): Promise<void> {
  container.state.removing = true;
  await container.hold(async () => {
    if (m.containers.find(container.id) !== container) return;
    if (container.running) {
      container.state.removing = false;
      container.mayRemove(container.name, false);
    }
    await leaveNetworks(m, container);
    let held: string[] = [];
    try {
      m.containers.remove(container, () => {
        held = m.volumes.unuse(container.id);
      });
    } catch (error) {
      Object.assign(container.state, { removing: false, dead: true });
      throw new EngineError("internal", `container ${container.id}: ${messageOf(error)}`, { cause: error });
    }
    if (volumes) removeAnonymous(m, held);
    m.supervisor.afterRemoval(container, () => m.layers.removeMount(container.id));
    announce(m.events, container, "destroy");
    m.supervisor.removed(container);
  });
}

/** Only those without a name of their own, and only while nobody else holds them. */
function removeAnonymous(m: RemoveNeeds, names: readonly string[]): void {
  for (const name of names) {
    if (!m.volumes.isAnonymous(name) || m.volumes.users(name).length > 0) continue;
    m.volumes.remove(name);
    m.events.emit("volume", "destroy", name, { driver: "local" });
  }
}
