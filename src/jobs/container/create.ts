import { existsSync } from "node:fs";
import type { ContainerConfig, ContainerCreateBody, HostConfig } from "../../api/containers.ts";
import { EngineError, invalid, unsupported } from "../../base/errors.ts";
import { newId, shortId } from "../../base/id.ts";
import { Undo } from "../../base/undo.ts";
import { nowNanos, rfc3339 } from "../../base/units.ts";
import { announce } from "../../container/announce.ts";
import { type AskedMount, parseBind, parseMount, parseTmpfs } from "../../container/binds.ts";
import { checkConfig, checkHost } from "../../container/check.ts";
import type { Container, ContainerRecord } from "../../container/container.ts";
import { commandOf, mergeConfig } from "../../container/merge.ts";
import { randomName } from "../../container/names.ts";
import { checkName } from "../../container/store.ts";
import { job } from "../../engine/job.ts";
import { resolveImage } from "../image/resolve.ts";
import type { Needs } from "../needs.ts";
import { normalHost } from "./defaults.ts";
import { refuseFields } from "./fields.ts";
import { type MadeVolume, makeVolumes } from "./volumes.ts";

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
    const { HostConfig: host = {}, NetworkingConfig: networking, ...asked } = input.body;
    if (Object.keys(asked).length === 0)
      throw invalid("config cannot be empty in order to create a container");
    const name = input.name?.replace(/^\//, "");
    if (name) checkName(name, input.name);
    const config: ContainerConfig = asked;
    refuseFields(config, host);
    const image = config.Image ? resolveImage(m, config.Image) : undefined;
    if (image) checkPlatform(input.platform, config.Image!, image.config);
    const merged = mergeConfig(config, image?.config.config);
    const command = commandOf(merged);
    if (!command) throw invalid("no command specified");
    checkConfig(merged);
    checkHost(host);
    const { hostConfig, warnings } = normalHost(m, merged, host);
    const endpoints = endpointsOf(hostConfig.NetworkMode!, networking?.EndpointsConfig);
    const mounts = mountsOf(m, merged, hostConfig);

    const id = newId();
    const container = await store(
      m,
      { ...input, name },
      (volumes) => ({
        id,
        name: name || randomName(id, (taken) => m.containers.find(taken) !== undefined),
        created: rfc3339(nowNanos()),
        image: image?.id ?? "",
        config: normalConfig(merged, id, hostConfig),
        hostConfig,
        endpoints,
        mounts: volumes.map(({ mount }) => mount),
        ...command,
        dir: m.containers.dir(id),
      }),
      id,
      image?.chainId,
      mounts,
    );
    announce(m.events, container, "create");
    if (image?.config.config?.Healthcheck?.Test?.length && !config.Healthcheck)
      warnings.push("The image's health check is not run by this engine.");
    return { Id: container.id, Warnings: warnings };
  },
);

/** The layer, then one durable transaction for container, name and volumes, then what volumes get from the image. */
async function store(
  m: CreateNeeds,
  input: { name?: string },
  recordOf: (volumes: readonly MadeVolume[]) => ContainerRecord,
  id: string,
  chainId: string | undefined,
  asked: readonly AskedMount[],
): Promise<Container> {
  if (input.name) m.containers.checkFree(input.name);
  const undo = new Undo(m.log);
  return undo.around(async () => {
    await m.layers.createMount(id, chainId);
    undo.push("remove the layer", () => m.layers.removeMount(id));
    const volumes = makeVolumes(m.volumes, asked);
    undo.push("forget new volumes", () => volumes.forget());
    const container = m.containers.create(recordOf(volumes.made), () => volumes.save(id));
    undo.push("forget the container", () => m.containers.remove(container, () => m.volumes.unuse(id)));
    await volumes.fill((body) => m.layers.withMounted(id, body));
    for (const volume of volumes.fresh) m.events.emit("volume", "create", volume, { driver: "local" });
    return container;
  });
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

const ARCHITECTURES: Record<string, string> = { x64: "amd64", arm64: "arm64" };

/** `os[/arch[/variant]]` must be what the image is. */
function checkPlatform(
  asked: string | undefined,
  image: string,
  is: { os?: string; architecture?: string; variant?: string },
): void {
  if (!asked) return;
  const parts = asked.split("/");
  if (parts.length > 3 || parts.some((part) => !/^[A-Za-z0-9_.-]+$/.test(part)))
    throw invalid(`${JSON.stringify(asked)}: cannot parse platform specifier: invalid argument`);
  const [first, arch, variant] = parts.length === 1 && first1IsArch(parts[0]!) ? ["linux", parts[0]!] : parts;
  const alias: Record<string, string> = { x86_64: "amd64", "x86-64": "amd64", aarch64: "arm64" };
  const architecture = alias[arch ?? ""] ?? arch ?? ARCHITECTURES[process.arch];
  const has = `${is.os ?? "linux"}/${is.architecture ?? ""}${is.variant ? `/${is.variant}` : ""}`;
  const fits =
    first === (is.os ?? "linux") &&
    architecture === is.architecture &&
    (!variant || !is.variant || variant === is.variant);
  if (!fits)
    throw new EngineError(
      "not_found",
      `image with reference ${image} was found but its platform (${has}) does not match the specified platform (${asked})`,
    );
}

const first1IsArch = (word: string): boolean =>
  /^(amd64|x86_64|x86-64|arm64|aarch64|arm|386|riscv64|s390x|ppc64le)$/.test(word);

/** The networks by name; the one of the network mode is always among them. More than one wants `network connect`. */
function endpointsOf(
  mode: string,
  given: NonNullable<ContainerCreateBody["NetworkingConfig"]>["EndpointsConfig"],
): ContainerRecord["endpoints"] {
  const named = Object.entries(given ?? {}).map(
    ([name, settings]) => [name === "default" ? "bridge" : name, settings ?? {}] as const,
  );
  if (mode === "none" || mode === "host") return { [mode]: {} };
  if (mode.startsWith("container:")) {
    if (named.length > 0)
      throw invalid("conflicting options: cannot attach both a container's network and another network");
    return {};
  }
  if (named.some(([name]) => name !== mode) && named.length > 1)
    throw unsupported("more than one network at create is not supported: create with one");
  const settings = Object.fromEntries(named);
  return named.length === 0 || !(mode in settings) ? { [mode]: Object.values(settings)[0] ?? {} } : settings;
}

/** Binds, mounts, those of other containers and the image's volumes; each destination once. Docker's order of who wins. */
function mountsOf(m: CreateNeeds, config: ContainerConfig, host: HostConfig): AskedMount[] {
  if (host.VolumeDriver && host.VolumeDriver !== "local")
    throw new EngineError(
      "not_found",
      `error looking up volume plugin ${host.VolumeDriver}: plugin ${JSON.stringify(host.VolumeDriver)} not found`,
    );
  const mounts = new Map<string, AskedMount>();
  for (const from of host.VolumesFrom ?? [])
    for (const mount of borrowed(m, from)) mounts.set(mount.destination, mount);
  const own = [
    ...(host.Binds ?? []).map(parseBind),
    ...(host.Mounts ?? []).map((mount) => parseMount(mount, existsSync)),
  ];
  const tmpfs = Object.entries(host.Tmpfs ?? {}).map(
    ([path, options]) => parseTmpfs(path, options).destination,
  );
  const seen = new Set<string>();
  for (const destination of [...own.map((mount) => mount.destination), ...tmpfs]) {
    if (seen.has(destination)) throw invalid(`Duplicate mount point: ${destination}`);
    seen.add(destination);
  }
  for (const mount of own) mounts.set(mount.destination, mount);
  for (const path of Object.keys(config.Volumes ?? {})) {
    const volume = { ...parseBind(path), mode: "" };
    if (!mounts.has(volume.destination) && !seen.has(volume.destination))
      mounts.set(volume.destination, volume);
  }
  return [...mounts.values()];
}

/** `--volumes-from name[:ro|rw]` */
function borrowed(m: CreateNeeds, from: string): AskedMount[] {
  const [name = "", mode = ""] = from.split(":");
  if (name === "")
    throw invalid(
      "malformed volumes-from specification: volumes-from specification cannot be an empty string",
    );
  if (mode && !["ro", "rw", "z", "Z"].includes(mode)) throw invalid(`invalid mode for volumes-from: ${mode}`);
  const container = m.containers.find(name);
  if (!container) throw invalid(`No such container: ${name}`);
  return container.record.mounts
    .filter((mount) => mount.type !== "tmpfs")
    .map((mount) =>
      mode === "ro"
        ? {
            ...mount,
            writable: false,
            options: mount.options.map((option) => (option === "rw" ? "ro" : option)),
          }
        : mount,
    );
}
