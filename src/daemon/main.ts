import { build } from "../base/build.ts";
import { messageOf } from "../base/errors.ts";
import { Log } from "../base/log.ts";
import { boot } from "./boot.ts";
import { type Config, configure, type FlagValues, reconfigure } from "./config.ts";
import { levelOf } from "./settings.ts";

/**
 * Docker's mainDaemon: flags as parsed, and those that were given. Resolves with the exit code when the daemon has ended by
 * `--idle-exit`; a signal ends the process itself. Throws when it cannot start.
 */
export async function runDaemon(values: FlagValues, given: ReadonlySet<string>): Promise<number> {
  if (values.version) {
    process.stdout.write(`bunker version ${build.version}, build ${build.commit}\n`);
    return 0;
  }
  let config = configure(values, given);
  if (config.validate) {
    process.stdout.write("configuration OK\n");
    return 0;
  }
  const log = new Log(levelOf(config));
  for (const note of config.notes) log.info(note);
  useProxies(config);
  stayAlive(log);
  const daemon = await boot(config, log);
  process.on("SIGHUP", () => {
    try {
      config = reconfigure(values, given, config);
      daemon.reload(config);
    } catch (error) {
      log.error("configuration not reloaded", { error: messageOf(error) });
    }
  });
  await daemon.ended;
  return 0;
}

/** What fetches images looks for proxies where programs look for them. */
function useProxies({ httpProxy, httpsProxy, noProxy }: Config): void {
  const set = (name: string, value: string) => {
    if (value === "") return;
    process.env[name] = value;
    process.env[name.toLowerCase()] = value;
  };
  set("HTTP_PROXY", httpProxy);
  set("HTTPS_PROXY", httpsProxy);
  set("NO_PROXY", noProxy);
}

/** A bug in one request is no reason to leave all containers without their daemon. */
function stayAlive(log: Log): void {
  const tell = (what: string) => (error: unknown) =>
    log.error(what, { error: messageOf(error), stack: error instanceof Error ? error.stack : undefined });
  process.on("unhandledRejection", tell("unhandled rejection"));
  process.on("uncaughtException", tell("uncaught exception"));
}
