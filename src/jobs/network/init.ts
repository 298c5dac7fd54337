import { job } from "../../engine/job.ts";
import type { Needs } from "../needs.ts";

/** Docker's `init_networkdriver`: every network has its record, and the default bridge its link and address. */
export const initNetworkdriver = job(
  "init_networkdriver",
  (m: Needs<"networks">): Promise<void> => m.networks.init(),
);
