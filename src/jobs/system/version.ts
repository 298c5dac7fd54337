import { release } from "node:os";
import type { VersionAnswer } from "../../api/system.ts";
import { API_VERSION, MIN_API_VERSION } from "../../api/version.ts";
import { build } from "../../base/build.ts";
import { job } from "../../engine/job.ts";

/** Go's names of the machine, which the API speaks. */
export const ARCHITECTURE: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64" };

export const ping = job("ping", async (): Promise<string> => "OK");

/** What this executable is made of, and which API it speaks. */
export const version = job("version", async (): Promise<VersionAnswer> => {
  const facts = {
    ApiVersion: API_VERSION,
    MinAPIVersion: MIN_API_VERSION,
    GitCommit: build.commit,
    /** No Go here; the field is what clients print. */
    GoVersion: `bun${build.bun}`,
    Os: "linux",
    Arch: ARCHITECTURE[process.arch] ?? process.arch,
    KernelVersion: release(),
    BuildTime: build.builtAt,
  };
  return {
    Platform: { Name: "bunker" },
    Components: [
      { Name: "Engine", Version: build.version, Details: { ...facts, Experimental: "false" } },
      {
        Name: "monitor",
        Version: build.version,
        Details: { GitCommit: build.commit, Digest: build.monitor },
      },
      { Name: "shim", Version: build.version, Details: { GitCommit: build.commit, Digest: build.shim } },
      { Name: "bun", Version: build.bun, Details: { GitCommit: Bun.revision.slice(0, 12) } },
      { Name: "sqlite", Version: process.versions.sqlite ?? "unknown", Details: { GitCommit: "" } },
    ],
    Version: build.version,
    ...facts,
  };
});
