import type { Healthcheck } from "../../api/container_config.ts";
import { parseDuration } from "../../base/units.ts";
import { bool, custom, int, string, type Values } from "../flag.ts";

const span = (help: string) =>
  custom<number | undefined>("", "duration", `${help} (ms|s|m|h)`, undefined, (_, text) => {
    try {
      return Math.round(parseDuration(text) * 1e9);
    } catch (cause) {
      throw new Error(`time: invalid duration ${JSON.stringify(text)}`, { cause });
    }
  });

/** Spans in nanoseconds, as the API has them. */
export const healthFlags = {
  "health-cmd": string("", "Command to run to check health"),
  "health-interval": span("Time between running the check"),
  "health-retries": int("", "Consecutive failures needed to report unhealthy"),
  "health-start-interval": span("Time between running the check during the start period"),
  "health-start-period": span(
    "Start period for the container to initialize before starting health-retries countdown",
  ),
  "health-timeout": span("Maximum time to allow one check to run"),
  "no-healthcheck": bool("", "Disable any container-specified HEALTHCHECK"),
};

const SPANS = ["health-interval", "health-timeout", "health-start-period", "health-start-interval"] as const;

export function healthConfig(flags: Values<typeof healthFlags>): Healthcheck | undefined {
  const set = flags["health-cmd"] !== "" || SPANS.some((name) => flags[name]) || flags["health-retries"];
  if (flags["no-healthcheck"]) {
    if (set) throw new Error("--no-healthcheck conflicts with --health-* options");
    return { Test: ["NONE"] };
  }
  if (!set) return undefined;
  for (const name of SPANS) if ((flags[name] ?? 0) < 0) throw new Error(`--${name} cannot be negative`);
  if ((flags["health-retries"] ?? 0) < 0) throw new Error("--health-retries cannot be negative");
  return {
    Test: flags["health-cmd"] === "" ? undefined : ["CMD-SHELL", flags["health-cmd"]],
    Interval: flags["health-interval"],
    Timeout: flags["health-timeout"],
    StartPeriod: flags["health-start-period"],
    StartInterval: flags["health-start-interval"],
    Retries: flags["health-retries"],
  };
}
