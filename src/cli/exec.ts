import {
  containerInspect,
  type ExecStartBody,
  execCreate,
  execInspect,
  execResize,
  execStart,
} from "../api/containers.ts";
import { endpoint, none, optionalBody } from "../api/endpoint.ts";
import type { Client } from "../client/client.ts";
import { atLeast, verb } from "./command.ts";
import { bool, list, string } from "./flag.ts";
import { readEnvFile, validEnv } from "./flags/environment.ts";
import { pump } from "./pump.ts";

/** `exec -d`: the same address without the connection. */
const execStartDetached = endpoint("POST", "/exec/{id}/start", {
  body: optionalBody<ExecStartBody>(),
  answer: none(200),
});

export const exec = verb({
  usage: "[OPTIONS] CONTAINER COMMAND [ARG...]",
  about: "Execute a command in a running container",
  examples: ["bunker exec -it web sh", "bunker exec web cat /etc/hosts"],
  args: atLeast(2),
  stop: true,
  flags: {
    detach: bool("d", "Detached mode: run command in the background"),
    "detach-keys": string("", "Override the key sequence for detaching a container"),
    env: list("e", "Set environment variables", validEnv),
    "env-file": list("", "Read in a file of environment variables"),
    interactive: bool("i", "Keep STDIN open even if not attached"),
    privileged: bool("", "Give extended privileges to the command"),
    tty: bool("t", "Allocate a pseudo-TTY"),
    user: string("u", "Username or UID (format: <name|uid>[:<group|gid>])"),
    workdir: string("w", "Working directory inside the container"),
  },
  run: async ({ flags, args: [name, ...command], client }) => {
    const { tty, detach } = flags;
    const stdin = flags.interactive && !detach;
    const terminal = tty ? await import("./terminal.ts") : undefined;
    if (terminal && stdin && !terminal.isTerminal(0)) {
      await client.call(containerInspect, { name: name! }); // that there is no such container is told first
      terminal.demandTerminal(stdin);
    }
    const size = terminal?.consoleSize();
    const env = [...flags["env-file"].flatMap(readEnvFile), ...flags.env];
    const { Id: id } = await client.call(execCreate, {
      name: name!,
      body: {
        AttachStdin: stdin,
        AttachStdout: !detach,
        AttachStderr: !detach,
        Tty: tty,
        Cmd: command,
        Env: env.length > 0 ? env : undefined,
        User: flags.user || undefined,
        WorkingDir: flags.workdir || undefined,
        Privileged: flags.privileged || undefined,
        DetachKeys: flags["detach-keys"] || undefined,
        ConsoleSize: size,
      },
    });
    if (detach) {
      await client.call(execStartDetached, { id, body: { Detach: true, Tty: tty } });
      return 0;
    }
    return sitAtExec(client, id, { tty, stdin, size, detachKeys: flags["detach-keys"] });
  },
});

interface ExecSession {
  readonly tty: boolean;
  readonly stdin: boolean;
  readonly size: [number, number] | undefined;
  readonly detachKeys: string;
}

async function sitAtExec(client: Client, id: string, session: ExecSession): Promise<number> {
  const { tty, stdin, size } = session;
  const terminal = tty ? await import("./terminal.ts") : undefined;
  const watch = terminal && new terminal.DetachWatch(terminal.parseDetachKeys(session.detachKeys));
  const duplex = await client.hijack(execStart, { id, body: { Tty: tty, ConsoleSize: size } });
  const restore = stdin ? await terminal?.rawMode() : undefined;
  try {
    terminal?.watchSize((height, width) => {
      client.call(execResize, { id, height, width }).catch(() => {});
    });
    const how = await pump(duplex, { tty, stdin, detached: watch && ((typed) => watch.saw(typed)) });
    if (how === "detached") return 0;
    return (await client.call(execInspect, { id })).ExitCode ?? 0;
  } finally {
    restore?.();
  }
}
