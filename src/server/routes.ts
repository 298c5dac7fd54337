import * as containers from "../api/containers.ts";
import * as images from "../api/images.ts";
import * as networks from "../api/networks.ts";
import * as system from "../api/system.ts";
import * as volumes from "../api/volumes.ts";
import { containerAttach, containerResize } from "../jobs/container/attach.ts";
import { containerCreate } from "../jobs/container/create.ts";
import { execCreate, execInspect, execResize, execStart } from "../jobs/container/exec.ts";
import { containerInspect } from "../jobs/container/inspect.ts";
import { containerKill } from "../jobs/container/kill.ts";
import { containerList } from "../jobs/container/list.ts";
import { containerLogs } from "../jobs/container/logs.ts";
import { containerPause, containerUnpause } from "../jobs/container/pause.ts";
import { containerPrune } from "../jobs/container/prune.ts";
import { containerRemove } from "../jobs/container/remove.ts";
import { containerRename } from "../jobs/container/rename.ts";
import { containerRestart } from "../jobs/container/restart.ts";
import { containerStart } from "../jobs/container/start.ts";
import { containerStats } from "../jobs/container/stats.ts";
import { containerStop } from "../jobs/container/stop.ts";
import { containerTop } from "../jobs/container/top.ts";
import { containerTrace } from "../jobs/container/trace.ts";
import { containerWait } from "../jobs/container/wait.ts";
import { imageLoad } from "../jobs/image/archive.ts";
import { imageHistory, imageInspect, imageList } from "../jobs/image/list.ts";
import { imageCreate } from "../jobs/image/pull.ts";
import { imageRemove } from "../jobs/image/remove.ts";
import { imageTag } from "../jobs/image/tag.ts";
import type { Modules } from "../jobs/needs.ts";
import { networkInspect, networkList } from "../jobs/network/list.ts";
import { commands, type Vocabulary } from "../jobs/system/commands.ts";
import { events } from "../jobs/system/events.ts";
import { info } from "../jobs/system/info.ts";
import { ping, version } from "../jobs/system/version.ts";
import { volumeCreate, volumeRemove } from "../jobs/volume/create.ts";
import { volumeInspect, volumeList } from "../jobs/volume/list.ts";
import { on, type Route } from "./route.ts";

/** What the jobs of all routes need together. */
export type Routed = Modules & Vocabulary;

const route = on<Routed>();

/** The Engine API, one line an endpoint. */
export const routes: readonly Route<Routed>[] = [
  route(system.ping, ping),
  route(system.pingHead, ping),
  route(system.version, version),
  route(system.info, info),
  route(system.events, events),
  route(system.engineCommands, commands),

  route(containers.containerList, containerList),
  route(containers.containerCreate, containerCreate),
  route(containers.containerPrune, containerPrune),
  route(containers.containerInspect, containerInspect),
  route(containers.containerStart, containerStart),
  route(containers.containerStop, containerStop),
  route(containers.containerRestart, containerRestart),
  route(containers.containerKill, containerKill),
  route(containers.containerPause, containerPause),
  route(containers.containerUnpause, containerUnpause),
  route(containers.containerRename, containerRename),
  route(containers.containerWait, containerWait),
  route(containers.containerRemove, containerRemove),
  route(containers.containerLogs, containerLogs),
  route(containers.containerAttach, containerAttach),
  route(containers.containerResize, containerResize),
  route(containers.containerTop, containerTop),
  route(containers.containerTrace, containerTrace),
  route(containers.containerStats, containerStats),
  route(containers.execCreate, execCreate),
  route(containers.execStart, execStart),
  route(containers.execInspect, execInspect),
  route(containers.execResize, execResize),

  route(images.imageList, imageList),
  route(images.imageCreate, imageCreate),
  route(images.imageLoad, imageLoad),
  route(images.imageInspect, imageInspect),
  route(images.imageHistory, imageHistory),
  route(images.imageTag, imageTag),
  route(images.imageRemove, imageRemove),

  route(networks.networkList, networkList),
  route(networks.networkInspect, networkInspect),

  route(volumes.volumeList, volumeList),
  route(volumes.volumeCreate, volumeCreate),
  route(volumes.volumeInspect, volumeInspect),
  route(volumes.volumeRemove, volumeRemove),
];
