import { exactly, type LoadedVerb, verb } from "./command.ts";

/** `bunker daemon`: dockerd's flags by dockerd's names. The daemon is loaded for those who want one. */
export async function daemonVerb(): Promise<LoadedVerb> {
  const { DAEMON_FLAGS } = await import("../daemon/flags.ts");
  return verb({
    usage: "[OPTIONS]",
    about: "Run the engine",
    args: exactly(0),
    flags: DAEMON_FLAGS,
    run: async ({ flags, given }) => {
      const { runDaemon } = await import("../daemon/main.ts");
      return runDaemon(flags, given);
    },
  });
}
