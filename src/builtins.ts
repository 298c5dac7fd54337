import type { Engine } from "./engine/engine.ts";
import { imageImport } from "./jobs/image/archive.ts";
import { imagePull } from "./jobs/image/pull.ts";
import { initNetworkdriver } from "./jobs/network/init.ts";
import { type Routed, routes } from "./server/routes.ts";
import { acceptconnections, type Serving, serveapi } from "./server/serve.ts";

/** What all jobs together need. */
export type BuiltinModules = Routed & Serving;

/** Docker's `builtins.Register`: every job by its name; those of the routes, those that they run as a part of themselves, and those of the daemon. */
export function register(engine: Engine<BuiltinModules>): void {
  for (const job of new Set(routes.map((route) => route.job))) engine.register(job);
  for (const job of [imagePull, imageImport]) engine.register(job);
  for (const job of [serveapi, acceptconnections, initNetworkdriver]) engine.register(job);
}
