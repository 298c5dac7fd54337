import type { ContainerCreateBody, HostConfig } from "../../api/container_config.ts";
import { bool, string, type Values } from "../flag.ts";
import { healthConfig, healthFlags } from "./health.ts";
import { networkAliases, networkConfig, networkFlags } from "./network.ts";
import { hostConfig, hostFlags, processConfig, processFlags } from "./process.ts";
import { resourceConfig, resourceFlags } from "./resources.ts";
import { securityConfig } from "./security.ts";
import { storageConfig, storageFlags } from "./storage.ts";

/** The flags of `create`, and of `run` but for a few. */
export const createFlags = {
  ...processFlags,
  ...hostFlags,
  ...resourceFlags,
  ...networkFlags,
  ...networkAliases,
  ...storageFlags,
  ...healthFlags,
  cidfile: string("", "Write the container ID to the file"),
  name: string("", "Assign a name to the container"),
  platform: string(
    "",
    "Set platform if server is multi-platform capable",
    process.env.DOCKER_DEFAULT_PLATFORM,
  ),
  pull: string("", 'Pull image before creating ("always", "missing", "never")', "missing"),
  quiet: bool("q", "Suppress the pull output"),
};

export type CreateValues = Values<typeof createFlags>;

/** The flags as the API's body. Throws in Docker's words when two of them contradict each other. */
export function createBody(
  flags: CreateValues,
  args: readonly string[],
  { detach = false, consoleSize }: { detach?: boolean; consoleSize?: [number, number] } = {},
): ContainerCreateBody {
  const network = networkConfig(flags);
  const storage = storageConfig(flags);
  const host: HostConfig = {
    ...hostConfig(flags),
    ...resourceConfig(flags),
    ...network.host,
    ...storage.host,
    ...securityConfig(flags["security-opt"]),
    ContainerIDFile: flags.cidfile || undefined,
    ConsoleSize: consoleSize,
  };
  return {
    ...processConfig(flags, args, detach),
    ExposedPorts: network.exposed,
    Volumes: storage.volumes,
    Healthcheck: healthConfig(flags),
    HostConfig: host,
    NetworkingConfig: network.networking,
  };
}
