import { type InfoAnswer, info as infoEndpoint } from "../api/system.ts";
import { build } from "../base/build.ts";
import { binarySize } from "../base/units.ts";
import { exactly, verb } from "./command.ts";
import { ExitError, wordsOf } from "./exit.ts";
import { string } from "./flag.ts";
import { print, printError, printRaw } from "./output.ts";
import { Template } from "./template/evaluate.ts";
import { TemplateError } from "./template/lex.ts";
import { goJson } from "./template/print.ts";

export const info = verb({
  usage: "[OPTIONS]",
  about: "Display system-wide information",
  args: exactly(0),
  flags: { format: string("f", "Format output using a custom template, or 'json'") },
  run: async ({ flags, app, client }) => {
    const own = { Version: build.version, Context: "default", Debug: app.debug, Plugins: [], Warnings: null };
    let answer: InfoAnswer | undefined;
    let failure: unknown;
    try {
      answer = await client.call(infoEndpoint, {});
    } catch (error) {
      failure = error;
    }
    if (flags.format !== "" && answer) printFormatted(flags.format, { ...answer, ClientInfo: own });
    else if (flags.format === "")
      printRaw(
        `Client:\n Version:    ${build.version}\n Context:    default\n Debug Mode: ${app.debug}\n\nServer:\n`,
      );
    if (failure !== undefined) throw new ExitError(1, wordsOf(failure));
    if (flags.format !== "") return 0;
    printRaw(
      `${infoLines(answer!)
        .map((line) => ` ${line}\n`)
        .join("")}\n`,
    );
    for (const warning of (answer!.Warnings as string[] | null) ?? []) printError(warning);
    return 0;
  },
});

function printFormatted(format: string, data: object): void {
  if (format === "json") {
    print(goJson(data));
    return;
  }
  const missing = (name: string): never => {
    throw new TemplateError(`can't evaluate field ${name} in type system.dockerInfo`);
  };
  try {
    print(new Template(format, missing).run(data));
  } catch (error) {
    if (error instanceof TemplateError) print(""); // Docker's line is begun before it fails
    throw error;
  }
}

interface Info {
  ContainersRunning: number;
  ContainersPaused: number;
  ContainersStopped: number;
  DriverStatus: [string, string][] | null;
  LoggingDriver: string;
  CgroupDriver: string;
  CgroupVersion: string;
  Plugins: Record<string, string[] | null>;
  Swarm?: { LocalNodeState: string };
  Runtimes: Record<string, unknown> | null;
  DefaultRuntime: string;
  InitBinary: string;
  SecurityOptions: string[] | null;
  KernelVersion: string;
  OperatingSystem: string;
  OSType: string;
  Architecture: string;
  NCPU: number;
  MemTotal: number;
  Name: string;
  DockerRootDir: string;
  Debug: boolean;
  HttpProxy: string;
  HttpsProxy: string;
  NoProxy: string;
  Labels: string[] | null;
  ExperimentalBuild: boolean;
  RegistryConfig: { InsecureRegistryCIDRs?: string[]; Mirrors?: string[] } | null;
  LiveRestoreEnabled: boolean;
  DefaultAddressPools?: { Base: string; Size: number }[] | null;
}

/** Docker's lines, in Docker's order; what the engine leaves out has no line. */
function infoLines(answer: InfoAnswer): string[] {
  const info = answer as InfoAnswer & Info;
  return [
    `Containers: ${info.Containers}`,
    ` Running: ${info.ContainersRunning}`,
    ` Paused: ${info.ContainersPaused}`,
    ` Stopped: ${info.ContainersStopped}`,
    `Images: ${info.Images}`,
    `Server Version: ${info.ServerVersion}`,
    `Storage Driver: ${info.Driver}`,
    ...(info.DriverStatus ?? []).map(([name, value]) => ` ${name}: ${value}`),
    `Logging Driver: ${info.LoggingDriver}`,
    `Cgroup Driver: ${info.CgroupDriver}`,
    `Cgroup Version: ${info.CgroupVersion}`,
    "Plugins:",
    ...Object.entries(info.Plugins ?? {})
      .filter(([, names]) => names?.length)
      .map(([kind, names]) => ` ${kind}: ${names!.join(" ")}`),
    `Swarm: ${info.Swarm?.LocalNodeState ?? "inactive"}`,
    `Runtimes: ${Object.keys(info.Runtimes ?? {})
      .sort()
      .join(" ")}`,
    `Default Runtime: ${info.DefaultRuntime}`,
    `Init Binary: ${info.InitBinary}`,
    ...securityLines(info.SecurityOptions ?? []),
    `Kernel Version: ${info.KernelVersion}`,
    `Operating System: ${info.OperatingSystem}`,
    `OSType: ${info.OSType}`,
    `Architecture: ${info.Architecture}`,
    `CPUs: ${info.NCPU}`,
    `Total Memory: ${binarySize(info.MemTotal)}`,
    `Name: ${info.Name}`,
    `ID: ${info.ID}`,
    `Docker Root Dir: ${info.DockerRootDir}`,
    `Debug Mode: ${info.Debug}`,
    ...present("HTTP Proxy", info.HttpProxy),
    ...present("HTTPS Proxy", info.HttpsProxy),
    ...present("No Proxy", info.NoProxy),
    ...under("Labels:", info.Labels),
    `Experimental: ${info.ExperimentalBuild}`,
    ...under("Insecure Registries:", info.RegistryConfig?.InsecureRegistryCIDRs),
    ...under("Registry Mirrors:", info.RegistryConfig?.Mirrors),
    `Live Restore Enabled: ${info.LiveRestoreEnabled}`,
    ...under(
      "Default Address Pools:",
      info.DefaultAddressPools?.map(({ Base, Size }) => `Base: ${Base}, Size: ${Size}`),
    ),
  ];
}

const present = (name: string, value: string | undefined): string[] => (value ? [`${name}: ${value}`] : []);
const under = (title: string, values: readonly string[] | null | undefined): string[] =>
  values?.length ? [title, ...values.map((value) => ` ${value}`)] : [];

/** `name=seccomp,profile=builtin` */
function securityLines(options: readonly string[]): string[] {
  if (options.length === 0) return [];
  const lines = options.flatMap((option) => {
    const fields = option.split(",").map((field) => field.split("="));
    const [first, ...more] = fields;
    const title = (word = "") => word.charAt(0).toUpperCase() + word.slice(1);
    return [` ${first!.at(-1)}`, ...more.map(([key, value]) => `  ${title(key)}: ${value}`)];
  });
  return ["Security Options:", ...lines];
}
