import type { TopAnswer } from "../../api/containers.ts";
import { announce } from "../../container/announce.ts";
import { columnsOf, processTable } from "../../container/processes.ts";
import { job } from "../../engine/job.ts";
import type { Needs } from "../needs.ts";

/** The processes of a container as ps shows them on the host. */
export const containerTop = job(
  "top",
  async (
    m: Needs<"containers" | "execdriver" | "events">,
    input: { name: string; psArgs?: string },
  ): Promise<TopAnswer> => {
    const container = m.containers.get(input.name);
    container.alive();
    const columns = columnsOf(input.psArgs ?? "");
    const table = processTable(await m.execdriver.pids(container.id), columns);
    announce(m.events, container, "top");
    return table;
  },
);
