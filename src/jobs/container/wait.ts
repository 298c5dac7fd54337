import type { WaitAnswer } from "../../api/containers.ts";
import type { Later } from "../../api/endpoint.ts";
import { parseCondition } from "../../container/waiters.ts";
import { job } from "../../engine/job.ts";
import type { Needs } from "../needs.ts";

/** The head of the answer goes out when the wait has begun: a caller that then starts the container misses no exit. */
export const containerWait = job(
  "wait",
  async (
    m: Needs<"containers" | "supervisor">,
    input: { name: string; condition?: string },
    io,
  ): Promise<Later<WaitAnswer>> => {
    const condition = parseCondition(input.condition);
    const container = m.containers.get(input.name);
    return { later: m.supervisor.waiters.wait(container, condition, io.signal) };
  },
);
