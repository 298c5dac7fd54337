import { ping } from "../api/system.ts";
import { addressOf } from "./address.ts";
import { Bunker } from "./bunker.ts";
import { Client } from "./client.ts";
import { Transport } from "./transport.ts";

export type { LogOptions, Result, Running, RunOptions, Started } from "./bunker.ts";
export { Bunker } from "./bunker.ts";

/**
 * The engine at `host` (`unix:///…`, `tcp://…`), else where BUNKER_HOST or DOCKER_HOST says, else on the usual socket:
 * ours, or any other that speaks Docker's API. Throws ConnectError when none answers.
 */
export async function connect(host?: string): Promise<Bunker> {
  const transport = new Transport(addressOf({ host }, process.env));
  const client = new Client(transport, process.env.DOCKER_API_VERSION?.replace(/^v/, ""));
  await client.call(ping, {});
  return new Bunker(client);
}
