import { EngineError, invalid } from "../../base/errors.ts";
import { announce } from "../../container/announce.ts";
import { checkName } from "../../container/store.ts";
import { job } from "../../engine/job.ts";
import type { Needs } from "../needs.ts";

/** Gives a container another name. A running one keeps its hostname. */
export const containerRename = job(
  "container_rename",
  async (m: Needs<"containers" | "events">, input: { name: string; to?: string }): Promise<void> => {
    const container = m.containers.get(input.name);
    const name = (input.to ?? "").replace(/^\//, "");
    if (name === "") throw invalid("Neither old nor new names may be empty");
    await container.hold(async () => {
      const old = container.name;
      if (name === old) throw invalid("Renaming a container with the same name as its current name");
      try {
        checkName(name, `/${name}`);
        m.containers.rename(container, name);
      } catch (error) {
        if (!(error instanceof EngineError)) throw error;
        throw new EngineError(error.code, `Error when allocating new name: ${error.message}`, {
          cause: error,
        });
      }
      announce(m.events, container, "rename", { oldName: `/${old}` });
    });
  },
);
