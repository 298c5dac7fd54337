import { containerRemove, containerStart } from "../api/containers.ts";
import type { Client } from "../client/client.ts";
import type { App } from "./app.ts";
import { atLeast, verb } from "./command.ts";
import { createContainer } from "./create.ts";
import { ExitError, startFailureCode, wordsOf } from "./exit.ts";
import { bool, string } from "./flag.ts";
import { type CreateValues, createBody, createFlags } from "./flags/create.ts";
import { withDaemon } from "./oneshot.ts";
import { print, printError } from "./output.ts";
import { sitAt } from "./session.ts";
import { Trace } from "./trace.ts";

const flags = {
  ...createFlags,
  detach: bool("d", "Run container in background and print container ID"),
  "detach-keys": string("", "Override the key sequence for detaching a container"),
  "sig-proxy": bool("", "Proxy received signals to the process", true),
  trace: bool("", "Print the time of each step to standard error"),
};

type RunValues = CreateValues & { "detach-keys": string; "sig-proxy": boolean };

/** `run`: create, attach, wait, start, and end as the container ends. */
export const run = verb({
  usage: "[OPTIONS] IMAGE [COMMAND] [ARG...]",
  about: "Create and run a new container from an image",
  examples: [
    "bunker run --rm -it busybox sh             a shell that leaves nothing behind",
    "bunker run -d --name web -p 8080:80 nginx  in the background, a port published",
    "bunker run --rm -v .:/src -w /src gcc make on the files of this folder",
  ],
  args: atLeast(1),
  stop: true,
  strict: true,
  flags,
  run: ({ flags, args, app }) => {
    const trace = new Trace(flags.trace);
    return flags.detach ? runDetached(app, flags, args, trace) : runAttached(app, flags, args, trace);
  },
});

async function runDetached(
  app: App,
  flags: RunValues,
  args: readonly string[],
  trace: Trace,
): Promise<number> {
  if (flags.attach.length > 0)
    throw new ExitError(1, "conflicting options: cannot specify both --attach and --detach");
  const body = createBody(flags, args, { detach: true, consoleSize: await sizeFor(flags.tty) });
  const { client } = app;
  const id = await trace.step(
    "create",
    withDaemon(app, () => createContainer(client, flags, body)),
  );
  await trace.step("start", startOrFail(client, id));
  print(id);
  await trace.print(client, id);
  return 0;
}

async function runAttached(
  app: App,
  flags: RunValues,
  args: readonly string[],
  trace: Trace,
): Promise<number> {
  const body = createBody(flags, args, { consoleSize: await sizeFor(flags.tty) });
  // to be asked for its trace at the end, the container must still be there: then we remove it ourselves
  const keep = trace.on && flags.rm;
  if (keep) body.HostConfig!.AutoRemove = false;
  const stdin = body.AttachStdin === true;
  if (flags.tty) (await import("./terminal.ts")).demandTerminal(stdin);
  const { client } = app;
  const id = await trace.step(
    "create",
    withDaemon(app, () => createContainer(client, flags, body)),
  );
  const code = await sitAt(client, id, {
    tty: flags.tty,
    stdin,
    stdout: body.AttachStdout === true,
    stderr: body.AttachStderr === true,
    detachKeys: flags["detach-keys"],
    sigProxy: flags["sig-proxy"],
    condition: flags.rm && !keep ? "removed" : "next-exit",
    start: () => startOrFail(client, id),
    trace,
  });
  await trace.print(client, id);
  if (keep) await client.call(containerRemove, { name: id, volumes: true, force: true });
  return code;
}

async function sizeFor(tty: boolean): Promise<[number, number] | undefined> {
  return tty ? (await import("./terminal.ts")).consoleSize() : undefined;
}

/** The exit code says why it did not start: 125, 126 or 127. */
async function startOrFail(client: Client, id: string): Promise<void> {
  try {
    await client.call(containerStart, { name: id });
  } catch (error) {
    printError(`bunker: ${wordsOf(error)}\n\nRun 'bunker run --help' for more information`);
    throw new ExitError(startFailureCode(error));
  }
}
