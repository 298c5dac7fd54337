/** What this executable is made of; build.ts puts it in by `define`. */
export interface BuildFacts {
  readonly version: string;
  /** Short git commit, with `+changes` when the tree was not clean. */
  readonly commit: string;
  /** RFC 3339 */
  readonly builtAt: string;
  readonly bun: string;
  /** sha256 of the embedded C shim, hex */
  readonly shim: string;
  /** sha256 of the embedded monitor, hex */
  readonly monitor: string;
}

declare const BUNKER_BUILD: BuildFacts | undefined;

const FROM_SOURCE: BuildFacts = {
  version: "0.1.0-dev",
  commit: "dev",
  builtAt: "1970-01-01T00:00:00.000Z",
  bun: Bun.version,
  shim: "dev",
  monitor: "dev",
};

/** The facts of the build, or `dev` for all that is unknown when run from source. */
export const build: BuildFacts = typeof BUNKER_BUILD === "undefined" ? FROM_SOURCE : BUNKER_BUILD;
