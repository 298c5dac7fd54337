import { release } from "node:os";
import {
  engineCommands as engineCommandsEndpoint,
  type VersionAnswer,
  version as versionEndpoint,
} from "../api/system.ts";
import { build } from "../base/build.ts";
import { API_VERSION } from "../client/client.ts";
import { exactly, verb } from "./command.ts";
import { ExitError, wordsOf } from "./exit.ts";
import { string } from "./flag.ts";
import { print, printRaw } from "./output.ts";
import { compile } from "./table.ts";
import { goJson } from "./template/print.ts";

const CLIENT = {
  Version: build.version,
  ApiVersion: API_VERSION,
  DefaultAPIVersion: API_VERSION,
  GitCommit: build.commit,
  BuildTime: build.builtAt,
  BunVersion: Bun.version,
  MonitorDigest: build.monitor,
  ShimDigest: build.shim,
  Os: process.platform,
  Arch: process.arch === "x64" ? "amd64" : process.arch,
  KernelVersion: release(),
  Context: "default",
};

export const version = verb({
  usage: "[OPTIONS]",
  about: "Show the version information",
  args: exactly(0),
  flags: { format: string("f", "Format output using a custom template, or 'json'") },
  run: async ({ flags, client }) => {
    let server: VersionAnswer | undefined;
    let failure: unknown;
    try {
      server = await client.call(versionEndpoint, {});
    } catch (error) {
      failure = error; // the client's own part is told first
    }
    const both = { Client: { ...CLIENT, ApiVersion: client.version }, Server: server ?? null };
    if (flags.format === "json") print(goJson(both));
    else if (flags.format !== "") print(compile(flags.format).run(both));
    else printRaw(versionText(both.Client, server));
    if (failure !== undefined) throw new ExitError(1, wordsOf(failure));
    return 0;
  },
});

type Pairs = readonly (readonly [string, string])[];

function versionText(client: typeof CLIENT, server: VersionAnswer | undefined): string {
  const own = block("Client:", 1, 18, [
    ["Version", client.Version],
    ["API version", client.ApiVersion],
    ["Bun version", client.BunVersion],
    ["Git commit", client.GitCommit],
    ["Built", builtText(client.BuildTime)],
    ["Monitor", client.MonitorDigest],
    ["C shim", client.ShimDigest],
    ["OS/Arch", `${client.Os}/${client.Arch}`],
    ["Context", client.Context],
  ]);
  if (!server) return own;
  const [engine, ...others] = server.Components ?? [];
  const about = engine?.Details ?? {};
  const head = `\nServer:${server.Platform?.Name ? ` ${server.Platform.Name}` : ""}\n`;
  const runtime: Pairs = server.GoVersion ? [["Go version", server.GoVersion]] : [];
  const first = block(` ${engine?.Name ?? "Engine"}:`, 2, 17, [
    ["Version", server.Version],
    ["API version", `${server.ApiVersion} (minimum version ${server.MinAPIVersion})`],
    ...runtime,
    ["Git commit", server.GitCommit],
    ["Built", builtText(about.BuildTime ?? server.BuildTime)],
    ["OS/Arch", `${server.Os}/${server.Arch}`],
    ["Experimental", about.Experimental ?? "false"],
  ]);
  const rest = others.map((one) =>
    block(` ${one.Name}:`, 2, 17, [["Version", one.Version], ...Object.entries(one.Details ?? {})]),
  );
  return own + head + first + rest.join("");
}

/** RFC 3339 as C's asctime has it: `Tue Sep 15 11:02:57 2026`. */
function builtText(time: string): string {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return time;
  const [day, number, month, year] = date.toUTCString().replace(",", "").split(" ");
  return `${day} ${month} ${String(Number(number)).padStart(2)} ${date.toISOString().slice(11, 19)} ${year}`;
}

const block = (title: string, indent: number, width: number, pairs: Pairs): string =>
  [title, ...pairs.map(([name, value]) => `${" ".repeat(indent)}${`${name}:`.padEnd(width)} ${value}`)]
    .map((line) => `${line}\n`)
    .join("");

export const engineCommands = verb({
  usage: "",
  about: "List the jobs that the engine knows",
  args: exactly(0),
  flags: {},
  run: async ({ client }) => {
    printRaw(await client.call(engineCommandsEndpoint, {}));
    return 0;
  },
});
