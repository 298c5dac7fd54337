import type { ContainerConfig } from "../api/container_config.ts";
import type { ExecCreateBody } from "../api/containers.ts";

const PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const TERM = "TERM=xterm";

/**
 * PATH, HOSTNAME, TERM with a terminal, then what config says; a later value of a name takes the earlier one's place. HOME
 * is the runtime's, and stands last if and only if it is: one that config gives never stands there.
 */
export function environment(
  config: Pick<ContainerConfig, "Env" | "Tty">,
  hostname: string,
  home: string,
): string[] {
  const env = overlaid([PATH, `HOSTNAME=${hostname}`, ...(config.Tty ? [TERM] : [])], config.Env ?? []);
  const at = env.findIndex((pair) => nameOf(pair) === "HOME");
  if (at < 0) return [...env, `HOME=${home}`];
  if (at === env.length - 1) env.unshift(env.pop()!);
  return env;
}

/** The container's variables with the exec's own HOME and TERM, and what its body says. */
export function execEnvironment(
  container: readonly string[],
  body: Pick<ExecCreateBody, "Env" | "Tty">,
  home: string,
): string[] {
  const given = nameOf(container.at(-1) ?? "") !== "HOME";
  const env = (given ? [...container] : container.slice(0, -1)).filter((pair) => body.Tty || pair !== TERM);
  const base = body.Tty && !env.some((pair) => nameOf(pair) === "TERM") ? [...env, TERM] : env;
  const result = overlaid(base, body.Env ?? []);
  return result.some((pair) => nameOf(pair) === "HOME") ? result : [...result, `HOME=${home}`];
}

const nameOf = (pair: string): string => pair.split("=", 1)[0]!;

/** A name without `=` takes the variable away (moby's ReplaceOrAppendEnvVars). */
function overlaid(defaults: readonly string[], overrides: readonly string[]): string[] {
  const values = new Map(defaults.map((pair) => [nameOf(pair), pair]));
  for (const pair of overrides) {
    if (pair.includes("=")) values.set(nameOf(pair), pair);
    else values.delete(pair);
  }
  return [...values.values()];
}
