import { containerTrace } from "../api/containers.ts";
import { type Client, ResponseError } from "../client/client.ts";
import { printError } from "./output.ts";

/** `run --trace`: how long each step took, the client's and the engine's. */
export class Trace {
  readonly on: boolean;
  readonly #steps: [step: string, millis: number][] = [];

  constructor(on: boolean) {
    this.on = on;
    // performance.now() counts from the start of the process: what came before belongs to the runtime
    if (on) this.#steps.push(["bun, flags", performance.now()]);
  }

  async step<T>(name: string, work: Promise<T>): Promise<T> {
    if (!this.on) return work;
    const before = performance.now();
    try {
      return await work;
    } finally {
      this.#steps.push([name, performance.now() - before]);
    }
  }

  async print(client: Client, container: string): Promise<void> {
    if (!this.on) return;
    this.#steps.push(["whole", performance.now()]);
    const engine = await engineSteps(client, container);
    const line = (who: string, step: string, millis: number) =>
      `${who}  ${step.replace(/[0-9a-f]{64}/, "ID").padEnd(40)} ${millis.toFixed(2).padStart(7)} ms`;
    printError(engine.map(({ step, micros }) => line("engine", step, micros / 1000)).join("\n"));
    printError(this.#steps.map(([step, millis]) => line("client", step, millis)).join("\n"));
  }
}

/** Bunker's own addition to the API: another engine has none. */
async function engineSteps(client: Client, container: string): Promise<{ step: string; micros: number }[]> {
  try {
    return await client.call(containerTrace, { name: container });
  } catch (error) {
    if (error instanceof ResponseError) return [];
    throw error;
  }
}
