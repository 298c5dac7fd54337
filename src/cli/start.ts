import { containerInspect, containerStart } from "../api/containers.ts";
import type { Client } from "../client/client.ts";
import { atLeast, verb } from "./command.ts";
import { ExitError, report, startFailureCode, wordsOf } from "./exit.ts";
import { bool, string } from "./flag.ts";
import { print } from "./output.ts";
import { sitAt } from "./session.ts";

export const start = verb({
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  about: "Start one or more stopped containers",
  args: atLeast(1),
  flags: {
    attach: bool("a", "Attach STDOUT/STDERR and forward signals"),
    "detach-keys": string("", "Override the key sequence for detaching a container"),
    interactive: bool("i", "Attach container's STDIN"),
    "sig-proxy": { ...bool("", "", true), hidden: true as const },
  },
  run: async ({ flags, args, client }) => {
    const attached = flags.attach || flags.interactive;
    if (!attached) return startAll(client, args, flags["detach-keys"]);
    if (args.length > 1) throw new Error("you cannot start and attach multiple containers at once");
    const { Id, Config, HostConfig } = await client.call(containerInspect, { name: args[0]! });
    const tty = Config.Tty === true;
    const stdin = flags.interactive && Config.OpenStdin === true;
    if (tty) (await import("./terminal.ts")).demandTerminal(stdin);
    return sitAt(client, Id, {
      tty,
      stdin,
      stdout: true,
      stderr: true,
      detachKeys: flags["detach-keys"],
      sigProxy: flags["sig-proxy"] && !tty,
      condition: HostConfig.AutoRemove ? "removed" : "next-exit",
      start: () => startOne(client, args[0]!),
    });
  },
});

async function startAll(client: Client, names: readonly string[], detachKeys: string): Promise<number> {
  const failed: string[] = [];
  for (const name of names)
    try {
      await client.call(containerStart, { name, detachKeys: detachKeys || undefined });
      print(name);
    } catch (error) {
      report(error);
      failed.push(name);
    }
  if (failed.length > 0) throw new ExitError(1, `Error: failed to start containers: ${failed.join(", ")}`);
  return 0;
}

async function startOne(client: Client, name: string): Promise<void> {
  try {
    await client.call(containerStart, { name });
  } catch (error) {
    const code = startFailureCode(error);
    throw new ExitError(code === 125 ? 1 : code, wordsOf(error));
  }
}
