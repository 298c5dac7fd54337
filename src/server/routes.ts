import * as api from "../api/system.ts";
import * as volumes from "../api/volumes.ts";
import type { Modules } from "../jobs/needs.ts";
import { commands, type Vocabulary } from "../jobs/system/commands.ts";
import { events } from "../jobs/system/events.ts";
import { info } from "../jobs/system/info.ts";
import { ping, version } from "../jobs/system/version.ts";
import { volumeInspect, volumeList } from "../jobs/volume/list.ts";
import { on, type Route } from "./route.ts";

/** What the jobs of all routes need together. */
export type Routed = Modules & Vocabulary;

const route = on<Routed>();

/** The Engine API, one line an endpoint. */
export const routes: readonly Route<Routed>[] = [
  route(api.ping, ping),
  route(api.pingHead, ping),
  route(api.version, version),
  route(api.info, info),
  route(api.events, events),
  route(api.engineCommands, commands),

  route(volumes.volumeList, volumeList),
  route(volumes.volumeInspect, volumeInspect),
];
