import { DAEMON_FLAGS } from "../daemon/flags.ts";
import { exactly, verb } from "./command.ts";

/** `bunker daemon`: dockerd's flags by dockerd's names. */
export const daemon = verb({
  usage: "[OPTIONS]",
  about: "Run the engine",
  args: exactly(0),
  flags: DAEMON_FLAGS,
  run: async ({ flags, given }) => {
    const { runDaemon } = await import("../daemon/main.ts");
    return runDaemon(flags, given);
  },
});
