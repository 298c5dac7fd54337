import { invalid } from "../../base/errors.ts";
import { parseDuration } from "../../base/units.ts";
import type { Healthcheck, RunConfig } from "../../oci/image.ts";

type Config = { -readonly [K in keyof RunConfig]: RunConfig[K] };

/**
 * Applies the Dockerfile instructions that `import -c` and `commit -c` take to a config. Throws `invalid` in the words of
 * Docker's builder.
 */
export function applyChanges(config: RunConfig, changes: readonly string[]): RunConfig {
  const next: Config = { ...config };
  for (const change of changes.flatMap((text) => text.split("\n"))) {
    const line = change.trim();
    if (line === "" || line.startsWith("#")) continue;
    const found = /^(\S+)\s*([\s\S]*)$/.exec(line)!;
    const name = found[1]!.toUpperCase();
    const apply = INSTRUCTIONS[name];
    if (!apply) throw invalid(`${name} is not a valid change command`);
    if (found[2] === "" && name !== "CMD" && name !== "ENTRYPOINT")
      throw invalid(`${name} requires at least one argument`);
    apply(next, found[2]!);
  }
  return next;
}

const INSTRUCTIONS: Readonly<Record<string, (config: Config, rest: string) => void>> = {
  CMD: (config, rest) => {
    config.Cmd = commandOf(rest);
  },
  ENTRYPOINT: (config, rest) => {
    config.Entrypoint = commandOf(rest);
  },
  ENV: (config, rest) => {
    const set = new Map((config.Env ?? []).map((pair) => [pair.split("=", 1)[0]!, pair]));
    for (const [name, value] of pairsOf("ENV", rest)) set.set(name, `${name}=${value}`);
    config.Env = [...set.values()];
  },
  LABEL: (config, rest) => {
    config.Labels = { ...config.Labels, ...Object.fromEntries(pairsOf("LABEL", rest)) };
  },
  EXPOSE: (config, rest) => {
    const ports = wordsOf(rest).flatMap(portsOf);
    config.ExposedPorts = { ...config.ExposedPorts, ...Object.fromEntries(ports.map((port) => [port, {}])) };
  },
  VOLUME: (config, rest) => {
    const paths = jsonTexts(rest) ?? wordsOf(rest);
    config.Volumes = { ...config.Volumes, ...Object.fromEntries(paths.map((path) => [path, {}])) };
  },
  USER: (config, rest) => {
    config.User = oneWord("USER", rest);
  },
  WORKDIR: (config, rest) => {
    const path = oneWord("WORKDIR", rest);
    config.WorkingDir = path.startsWith("/") ? path : `${config.WorkingDir || ""}/${path}`;
  },
  STOPSIGNAL: (config, rest) => {
    config.StopSignal = oneWord("STOPSIGNAL", rest);
  },
  ONBUILD: (config, rest) => {
    const trigger = /^\S*/.exec(rest)![0].toUpperCase();
    if (trigger === "ONBUILD") throw invalid("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed");
    if (trigger === "FROM" || trigger === "MAINTAINER")
      throw invalid(`${trigger} isn't allowed as an ONBUILD trigger`);
    config.OnBuild = [...(config.OnBuild ?? []), rest];
  },
  HEALTHCHECK: (config, rest) => {
    config.Healthcheck = healthcheckOf(rest);
  },
};

/** `["a","b"]` as it stands, anything else for the shell. */
const commandOf = (rest: string): string[] => jsonTexts(rest) ?? (rest === "" ? [] : ["/bin/sh", "-c", rest]);

function jsonTexts(text: string): string[] | undefined {
  if (!text.startsWith("[")) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) && value.every((item) => typeof item === "string") ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Words with quotes and backslashes taken off. */
function wordsOf(text: string): string[] {
  const words = text.match(/(?:\\[\s\S]|"(?:\\[\s\S]|[^"\\])*"|'[^']*'|[^\s"'\\])+/g) ?? [];
  return words.map(unquoted);
}

const unquoted = (word: string): string =>
  word.replace(
    /\\([\s\S])|"((?:\\[\s\S]|[^"\\])*)"|'([^']*)'/g,
    (_, escaped, double, single) =>
      escaped ?? (double !== undefined ? double.replace(/\\(["\\$])/g, "$1") : single),
  );

/** `a=b c="d e"`, or the old `a b c` where all behind the first word is the value. */
function pairsOf(instruction: string, rest: string): [string, string][] {
  const first = /^[^\s=]+/.exec(rest)?.[0] ?? "";
  if (rest[first.length] !== "=") {
    const found = /^(\S+)\s+([\s\S]+)$/.exec(rest);
    if (!found) throw invalid(`${instruction} must have two arguments`);
    return [[found[1]!, found[2]!]];
  }
  return wordsOf(rest).map((word) => {
    const at = word.indexOf("=");
    if (at < 0)
      throw invalid(
        `Syntax error - can't find = in ${JSON.stringify(word)}. Must be of the form: name=value`,
      );
    if (at === 0) throw invalid(`${instruction} names can not be blank`);
    return [word.slice(0, at), word.slice(at + 1)];
  });
}

/** `80`, `80/udp`, `8000-8002/tcp` as single ports. */
function portsOf(text: string): string[] {
  const found = /^(\d+)(?:-(\d+))?(?:\/(tcp|udp|sctp))?$/i.exec(text);
  const [from, to] = [Number(found?.[1]), Number(found?.[2] ?? found?.[1])];
  if (!found || from > to || to > 65535) throw invalid(`invalid containerPort: ${text}`);
  const protocol = (found[3] ?? "tcp").toLowerCase();
  return Array.from({ length: to - from + 1 }, (_, index) => `${from + index}/${protocol}`);
}

function oneWord(instruction: string, rest: string): string {
  const words = wordsOf(rest);
  if (words.length !== 1) throw invalid(`${instruction} requires exactly one argument`);
  return words[0]!;
}

const HEALTH_FLAGS: Readonly<Record<string, keyof Healthcheck>> = {
  interval: "Interval",
  timeout: "Timeout",
  "start-period": "StartPeriod",
  "start-interval": "StartInterval",
  retries: "Retries",
};

function healthcheckOf(rest: string): Healthcheck {
  const health: { -readonly [K in keyof Healthcheck]: Healthcheck[K] } = {};
  let left = rest;
  for (let found = /^--([a-z-]+)=(\S+)\s*/.exec(left); found; found = /^--([a-z-]+)=(\S+)\s*/.exec(left)) {
    const field = HEALTH_FLAGS[found[1]!];
    if (!field || field === "Test") throw invalid(`unknown flag: ${found[1]}`);
    health[field] = field === "Retries" ? Number(found[2]) : Math.round(parseDuration(found[2]!) * 1e9);
    left = left.slice(found[0].length);
  }
  const [, type = "", command = ""] = /^(\S*)\s*([\s\S]*)$/.exec(left)!;
  if (type.toUpperCase() === "NONE") return { Test: ["NONE"] };
  if (type.toUpperCase() !== "CMD") throw invalid(`unknown type "${type}" in HEALTHCHECK (try CMD)`);
  const words = jsonTexts(command);
  if (command === "") throw invalid("missing command after HEALTHCHECK CMD");
  return { ...health, Test: words ? ["CMD", ...words] : ["CMD-SHELL", command] };
}
