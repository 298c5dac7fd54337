import type { ContainerConfig, ContainerCreateBody, HostConfig } from "../../api/container_config.ts";
import { invalid } from "../../base/errors.ts";
import { newId, shortId } from "../../base/id.ts";
import { Undo } from "../../base/undo.ts";
import { nowNanos, parseSize, rfc3339 } from "../../base/units.ts";
import { announce } from "../../container/announce.ts";
import type { AskedMount } from "../../container/binds.ts";
import { checkConfig, checkHost } from "../../container/check.ts";
import type { Container, ContainerRecord } from "../../container/container.ts";
import { commandOf, mergeConfig } from "../../container/merge.ts";
import { randomName } from "../../container/names.ts";
import { checkName } from "../../container/store.ts";
import { job } from "../../engine/job.ts";
import type { Image } from "../../image/store.ts";
import { resolveImage } from "../image/resolve.ts";
import type { Needs } from "../needs.ts";
import { normalHost } from "./defaults.ts";
import { endpointsOf } from "./endpoints.ts";
import { refuseFields } from "./fields.ts";
import { mountsOf } from "./mounts.ts";
import { checkPlatform } from "./platform.ts";
import { makeVolumes } from "./volumes.ts";

export interface CreateInput {
  name?: string;
  platform?: string;
  body: ContainerCreateBody;
}

export type CreateNeeds = Needs<
  "containers" | "images" | "references" | "layers" | "volumes" | "events" | "host" | "log"
>;

/** An image and a body become a stored container and its read-write layer. Nothing is mounted, nothing runs. */
export const containerCreate = job(
  "create",
  async (m: CreateNeeds, input: CreateInput): Promise<{ Id: string; Warnings: string[] }> => {
    const plan = planOf(m, input);
    const container = await store(m, plan);
    announce(m.events, container, "create");
    return { Id: container.id, Warnings: plan.warnings };
  },
);

/** All that is decided before anything is made. */
interface CreatePlan {
  /** Its mounts come with the volumes' names. */
  readonly record: Omit<ContainerRecord, "mounts">;
  readonly image?: Image;
  readonly mounts: readonly AskedMount[];
  readonly warnings: string[];
}

/** Throws in Docker's words for every wish that cannot be. */
function planOf(m: CreateNeeds, { body, name, platform }: CreateInput): CreatePlan {
  const { HostConfig: host = {}, NetworkingConfig: networking, ...config } = body;
  if (Object.keys(config).length === 0)
    throw invalid("config cannot be empty in order to create a container");
  const chosen = name?.replace(/^\//, "");
  if (chosen) checkName(chosen, name);
  refuseFields(config, host);
  const image = config.Image ? resolveImage(m, config.Image) : undefined;
  if (image) checkPlatform(platform, config.Image!, image.config);
  const merged = mergeConfig(config, image?.config.config);
  const command = commandOf(merged);
  if (!command) throw invalid("no command specified");
  checkConfig(merged);
  checkHost(host);
  const { hostConfig, warnings } = normalHost(m, merged, host);
  if (image?.config.config?.Healthcheck?.Test?.length && !config.Healthcheck)
    warnings.push("The image's health check is not run by this engine.");
  const mounts = mountsOf(m, merged, hostConfig);
  const endpoints = endpointsOf(hostConfig.NetworkMode!, networking?.EndpointsConfig, config.MacAddress);
  if (chosen) m.containers.checkFree(chosen);
  const id = newId();
  const record = {
    id,
    name: chosen || randomName(id, (taken) => m.containers.find(taken) !== undefined),
    created: rfc3339(nowNanos()),
    image: image?.id ?? "",
    config: normalConfig(merged, id, hostConfig),
    hostConfig,
    endpoints,
    ...command,
    dir: m.containers.dir(id),
  };
  return { record, image, mounts, warnings };
}

/** The layer, then one durable transaction for container, name and volumes, then what volumes get from the image. */
async function store(m: CreateNeeds, { record, image, mounts }: CreatePlan): Promise<Container> {
  const { id } = record;
  const undo = new Undo(m.log);
  return undo.around(async () => {
    await m.layers.createMount(id, image?.chainId, { size: sizeOf(record.hostConfig) });
    undo.push("remove the layer", () => m.layers.removeMount(id));
    const volumes = makeVolumes(m.volumes, mounts);
    undo.push("forget new volumes", () => volumes.forget());
    const container = m.containers.create({ ...record, mounts: volumes.mounts }, () => volumes.save(id));
    undo.push("forget the container", () => m.containers.remove(container, () => m.volumes.unuse(id)));
    await volumes.fill((body) => m.layers.withMounted(id, body));
    for (const volume of volumes.fresh) m.events.emit("volume", "create", volume, { driver: "local" });
    return container;
  });
}

/** `--storage-opt size=1G`, which is the storage driver's to grant or refuse. bytes */
function sizeOf({ StorageOpt: options }: HostConfig): number | undefined {
  for (const name of Object.keys(options ?? {})) if (name !== "size") throw invalid(`Unknown option ${name}`);
  return options?.size === undefined ? undefined : parseSize(options.size);
}

/** Docker fills in what inspect shows. */
function normalConfig(config: ContainerConfig, id: string, host: HostConfig): ContainerConfig {
  const shared = host.NetworkMode === "host" || host.UTSMode === "host";
  return {
    ...config,
    Hostname: config.Hostname || (shared ? "" : shortId(id)),
    Domainname: config.Domainname ?? "",
    User: config.User ?? "",
    AttachStdin: config.AttachStdin ?? false,
    AttachStdout: config.AttachStdout ?? false,
    AttachStderr: config.AttachStderr ?? false,
    Tty: config.Tty ?? false,
    OpenStdin: config.OpenStdin ?? false,
    StdinOnce: config.StdinOnce ?? false,
    Env: config.Env ?? [],
    Cmd: config.Cmd ?? null,
    Volumes: config.Volumes ?? null,
    WorkingDir: config.WorkingDir ?? "",
    Entrypoint: config.Entrypoint ?? null,
    OnBuild: null,
    Labels: config.Labels ?? {},
  };
}
