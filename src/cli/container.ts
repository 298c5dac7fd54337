import {
  containerKill,
  containerPause,
  containerPrune,
  containerRemove,
  containerRename,
  containerRestart,
  containerStop,
  containerTop,
  containerUnpause,
  containerWait,
} from "../api/containers.ts";
import { messageOf } from "../base/errors.ts";
import { humanSize } from "../base/units.ts";
import { atLeast, exactly, verb } from "./command.ts";
import { ExitError, forEach, wordsOf } from "./exit.ts";
import { encodeFilters, filterFlag } from "./filters.ts";
import { bool, int, string } from "./flag.ts";
import { print, printRaw } from "./output.ts";
import { columns } from "./table.ts";

const SOME = "CONTAINER [CONTAINER...]";

const endFlags = {
  signal: string("s", "Signal to send to the container"),
  timeout: int("t", "Seconds to wait before killing the container"),
  time: { ...int("", ""), hidden: true as const },
};

export const stop = verb({
  usage: `[OPTIONS] ${SOME}`,
  about: "Stop one or more running containers",
  args: atLeast(1),
  flags: endFlags,
  run: ({ flags, args, client }) => {
    const how = { timeout: flags.timeout ?? flags.time, signal: flags.signal || undefined };
    return forEach(args, (name) => client.call(containerStop, { name, ...how }), print);
  },
});

export const restart = verb({
  usage: `[OPTIONS] ${SOME}`,
  about: "Restart one or more containers",
  args: atLeast(1),
  flags: endFlags,
  run: ({ flags, args, client }) => {
    const how = { timeout: flags.timeout ?? flags.time, signal: flags.signal || undefined };
    return forEach(args, (name) => client.call(containerRestart, { name, ...how }), print);
  },
});

export const kill = verb({
  usage: `[OPTIONS] ${SOME}`,
  about: "Kill one or more running containers",
  args: atLeast(1),
  flags: { signal: string("s", "Signal to send to the container") },
  run: ({ flags, args, client }) =>
    forEach(args, (name) => client.call(containerKill, { name, signal: flags.signal || undefined }), print),
});

export const pause = verb({
  usage: SOME,
  about: "Pause all processes within one or more containers",
  args: atLeast(1),
  flags: {},
  run: ({ args, client }) => forEach(args, (name) => client.call(containerPause, { name }), print),
});

export const unpause = verb({
  usage: SOME,
  about: "Unpause all processes within one or more containers",
  args: atLeast(1),
  flags: {},
  run: ({ args, client }) => forEach(args, (name) => client.call(containerUnpause, { name }), print),
});

export const rm = verb({
  usage: `[OPTIONS] ${SOME}`,
  about: "Remove one or more containers",
  args: atLeast(1),
  flags: {
    force: bool("f", "Force the removal of a running container (uses SIGKILL)"),
    link: bool("l", "Remove the specified link"),
    volumes: bool("v", "Remove anonymous volumes associated with the container"),
  },
  run: ({ flags, args, client }) => {
    const how = {
      force: flags.force || undefined,
      link: flags.link || undefined,
      volumes: flags.volumes || undefined,
    };
    const remove = async (name: string) => {
      const trimmed = name.replace(/^\/+/, "");
      if (trimmed === "") throw new Error("container name cannot be empty");
      try {
        await client.call(containerRemove, { name: trimmed, ...how });
      } catch (error) {
        if (!(flags.force && /^No such container/.test(messageOf(error)))) throw error;
        throw new ExitError(0, wordsOf(error)); // with -f what is not there counts as removed
      }
    };
    return forEach(args, remove, print);
  },
});

export const rename = verb({
  usage: "CONTAINER NEW_NAME",
  about: "Rename a container",
  args: exactly(2),
  flags: {},
  run: async ({ args: [name, to], client }) => {
    try {
      await client.call(containerRename, { name: name!, to: to! });
    } catch (error) {
      throw new ExitError(1, `${wordsOf(error)}\nError: failed to rename container named ${name}`);
    }
    return 0;
  },
});

export const wait = verb({
  usage: SOME,
  about: "Block until one or more containers stop, then print their exit codes",
  args: atLeast(1),
  flags: {},
  run: async ({ args, client }) => {
    let code = 0;
    for (const name of args)
      code = Math.max(
        code,
        await forEach(
          [name],
          async () => {
            const answer = await client.call(containerWait, { name });
            print(String((await answer.later).StatusCode));
          },
          () => {},
        ),
      );
    return code;
  },
});

export const top = verb({
  usage: "CONTAINER [ps OPTIONS]",
  about: "Display the running processes of a container",
  args: atLeast(1),
  stop: true,
  flags: {},
  run: async ({ args: [name, ...psArgs], client }) => {
    const answer = await client.call(containerTop, { name: name!, psArgs: psArgs.join(" ") || undefined });
    printRaw(columns([answer.Titles, ...answer.Processes], 20));
    return 0;
  },
});

export const prune = verb({
  usage: "[OPTIONS]",
  about: "Remove all stopped containers",
  args: exactly(0),
  flags: {
    filter: { ...filterFlag('Provide filter values (e.g. "until=<timestamp>")'), short: undefined },
    force: bool("f", "Do not prompt for confirmation"),
  },
  run: async ({ flags, client }) => {
    if (!flags.force && !confirmed("This will remove all stopped containers."))
      throw new ExitError(1, "container prune has been cancelled");
    const answer = await client.call(containerPrune, { filters: encodeFilters(flags.filter) });
    const deleted = answer.ContainersDeleted ?? [];
    if (deleted.length > 0) print(`Deleted Containers:\n${deleted.join("\n")}\n`);
    print(`Total reclaimed space: ${humanSize(answer.SpaceReclaimed)}`);
    return 0;
  },
});

function confirmed(warning: string): boolean {
  const answer = prompt(`WARNING! ${warning}\nAre you sure you want to continue? [y/N]`);
  return answer?.trim().toLowerCase() === "y";
}
