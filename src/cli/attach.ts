import { containerInspect } from "../api/containers.ts";
import { exactly, verb } from "./command.ts";
import { bool, string } from "./flag.ts";
import { sitAt } from "./session.ts";

export const attach = verb({
  usage: "[OPTIONS] CONTAINER",
  about: "Attach local standard input, output, and error streams to a running container",
  args: exactly(1),
  flags: {
    "detach-keys": string("", "Override the key sequence for detaching a container"),
    "no-stdin": bool("", "Do not attach STDIN"),
    "sig-proxy": bool("", "Proxy all received signals to the process", true),
  },
  run: async ({ flags, args, client }) => {
    const { Id, State, Config } = await client.call(containerInspect, { name: args[0]! });
    if (!State.Running) throw new Error("cannot attach to a stopped container, start it first");
    if (State.Paused) throw new Error("cannot attach to a paused container, unpause it first");
    if (State.Restarting)
      throw new Error("cannot attach to a restarting container, wait until it is running");
    const tty = Config.Tty === true;
    const stdin = !flags["no-stdin"] && Config.OpenStdin === true;
    if (tty) (await import("./terminal.ts")).demandTerminal(stdin);
    return sitAt(client, Id, {
      tty,
      stdin,
      stdout: true,
      stderr: true,
      detachKeys: flags["detach-keys"],
      sigProxy: flags["sig-proxy"] && !tty,
      condition: "not-running",
    });
  },
});
