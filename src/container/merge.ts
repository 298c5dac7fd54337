import type { ContainerConfig, Healthcheck } from "../api/container_config.ts";
import type { Healthcheck as ImageHealth, RunConfig } from "../oci/image.ts";

/**
 * What the user asked for, with the image's defaults where he said nothing (moby daemon/commit.go `merge`). An entrypoint
 * of his own drops the image's command too.
 */
export function mergeConfig(user: ContainerConfig, image: RunConfig | undefined): ContainerConfig {
  if (!image) return { ...user };
  const own = (user.Entrypoint?.length ?? 0) > 0;
  const cmd = !own && (user.Cmd?.length ?? 0) === 0 ? copy(image.Cmd) : user.Cmd;
  return {
    ...user,
    User: user.User || image.User,
    ExposedPorts: union(user.ExposedPorts, image.ExposedPorts),
    Env: mergeEnv(user.Env ?? [], image.Env ?? []),
    Labels: { ...image.Labels, ...user.Labels },
    Entrypoint: user.Entrypoint ?? copy(image.Entrypoint),
    Cmd: cmd,
    Healthcheck: mergeHealth(user.Healthcheck, image.Healthcheck),
    WorkingDir: user.WorkingDir || image.WorkingDir,
    Volumes: union(user.Volumes, image.Volumes),
    StopSignal: user.StopSignal || image.StopSignal,
    Shell: user.Shell ?? copy(image.Shell) ?? undefined,
  };
}

const copy = (list: readonly string[] | null | undefined): string[] | null | undefined => list && [...list];

/** The user's variables first; then those of the image that he does not name. */
function mergeEnv(user: readonly string[], image: readonly string[]): string[] {
  const names = new Set(user.map(nameOf));
  return [...user, ...image.filter((pair) => !names.has(nameOf(pair)))];
}

const nameOf = (pair: string): string => pair.split("=", 1)[0]!;

function union(
  user: Record<string, object> | null | undefined,
  image: Readonly<Record<string, object>> | null | undefined,
): Record<string, object> | null {
  const both = { ...image, ...user };
  return Object.keys(both).length > 0 ? both : null;
}

function mergeHealth(user: Healthcheck | undefined, image: ImageHealth | undefined): Healthcheck | undefined {
  if (!image) return user;
  const test = user?.Test && user.Test.length > 0 ? user.Test : copy(image.Test);
  if (!user) return { ...image, Test: test ?? undefined };
  return {
    Test: test ?? undefined,
    Interval: user.Interval || image.Interval,
    Timeout: user.Timeout || image.Timeout,
    StartPeriod: user.StartPeriod || image.StartPeriod,
    StartInterval: user.StartInterval || image.StartInterval,
    Retries: user.Retries || image.Retries,
  };
}

/** The program and its arguments; an entrypoint of `[""]` is none. */
export function commandOf({
  Entrypoint,
  Cmd,
}: ContainerConfig): { path: string; args: string[] } | undefined {
  const entrypoint = Entrypoint?.length === 1 && Entrypoint[0] === "" ? [] : (Entrypoint ?? []);
  const [path, ...args] = [...entrypoint, ...(Cmd ?? [])];
  return path === undefined ? undefined : { path, args };
}
