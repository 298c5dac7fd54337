import type { TraceStep } from "../../container/container.ts";
import { job } from "../../engine/job.ts";
import type { Needs } from "../needs.ts";

/** Ours, not Docker's: the steps of the last start and the time of each, for `run --trace`. */
export const containerTrace = job(
  "container_trace",
  async (m: Needs<"containers">, input: { name: string }): Promise<TraceStep[]> =>
    m.containers.get(input.name).trace,
);
