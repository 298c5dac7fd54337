import type { ExecCreateBody, ExecInspect, ExecStartBody } from "../../api/containers.ts";
import type { Hijack } from "../../api/endpoint.ts";
import { encodeFrame, MULTIPLEXED_STREAM, RAW_STREAM } from "../../api/streams.ts";
import { conflict, invalid, messageOf } from "../../base/errors.ts";
import { newId } from "../../base/id.ts";
import type { Peer } from "../../base/peer.ts";
import { announce } from "../../container/announce.ts";
import { converse, parseDetachKeys } from "../../container/attach.ts";
import { EXEC_KEPT_MS, type Exec, newExec } from "../../container/exec.ts";
import { job } from "../../engine/job.ts";
import type { Process } from "../../execdriver/driver.ts";
import type { Needs } from "../needs.ts";
import { sizeOf } from "./attach.ts";
import { execProcess, execUser } from "./spec_input.ts";
import { exitCodeOf } from "./start.ts";

type ExecNeeds = Needs<"containers" | "execdriver" | "layers" | "events" | "host" | "log">;

export const execCreate = job(
  "exec_create",
  async (m: ExecNeeds, input: { name: string; body: ExecCreateBody }): Promise<{ Id: string }> => {
    const { body } = input;
    if (!body.Cmd || body.Cmd.length === 0) throw invalid("No exec command specified");
    const container = m.containers.get(input.name);
    container.mayExec(input.name);
    if (body.DetachKeys) parseDetachKeys(body.DetachKeys);
    for (const pair of body.Env ?? [])
      if (pair === "" || pair.startsWith("=")) throw invalid(`invalid environment variable: ${pair}`);
    if (body.User) execUser(m, container, body); // an unknown one is told now, not into the stream
    forgetOld(m);
    const exec = newExec(newId(), container, body);
    m.containers.addExec(exec);
    tell(m, exec, `exec_create: ${wordsOf(body)}`);
    return { Id: exec.id };
  },
);

/** The program, a space, and its arguments: the space is there without arguments too. */
const wordsOf = ({ Cmd }: ExecCreateBody): string => `${Cmd![0]} ${Cmd!.slice(1).join(" ")}`;

/** Runs it: joined with the client's connection, or detached, then nothing is answered but 200. */
export const execStart = job(
  "exec_start",
  async (m: ExecNeeds, input: { id: string; body?: ExecStartBody }): Promise<Hijack | undefined> => {
    const exec = m.containers.exec(input.id);
    const size = input.body?.ConsoleSize ?? exec.body.ConsoleSize ?? undefined;
    if (input.body?.Detach) {
      await start(m, exec, size, false);
      return undefined;
    }
    const tty = exec.body.Tty === true;
    return {
      contentType: tty ? RAW_STREAM : MULTIPLEXED_STREAM,
      run: async (client) => {
        try {
          const process = await start(m, exec, size, true);
          await join(m, exec, client, process);
        } catch (error) {
          const words = Buffer.from(`${messageOf(error)}\r\n`);
          await client.write(tty ? words : encodeFrame(1, words));
        }
      },
    };
  },
);

/** With one attachment when `attached`. On failure the exec has Docker's exit code for it. */
async function start(
  m: ExecNeeds,
  exec: Exec,
  size: [number, number] | undefined,
  attached: boolean,
): Promise<Process> {
  const { container, body } = exec;
  if (exec.running) throw conflict(`exec command ${exec.id} is already running`);
  if (exec.started) throw conflict(`exec command ${exec.id} has already run`);
  container.mayExec(container.id);
  exec.started = exec.running = true;
  tell(m, exec, `exec_start: ${wordsOf(body)}`);
  try {
    const streams = {
      stdin: body.AttachStdin === true,
      stdout: body.AttachStdout === true,
      stderr: body.AttachStderr === true,
    };
    const process = await m.execdriver.exec({
      container: container.id,
      id: exec.id,
      process: execProcess(m, container, body, size),
      stdio: {
        tty: body.Tty === true,
        openStdin: streams.stdin && attached,
        stdinOnce: true,
        attach: attached ? [streams] : [],
      },
    });
    exec.process = process;
    exec.pid = process.pid;
    void process.exited.then(({ code }) => ended(m, exec, code));
    return process;
  } catch (error) {
    exec.running = false;
    exec.exitCode = exitCodeOf(error);
    exec.endedAt = Date.now();
    throw error;
  }
}

/** Ends when the output has ended and the exit code is known: who asks for it then gets it. */
async function join(m: ExecNeeds, exec: Exec, client: Peer, process: Process): Promise<void> {
  const { Tty: tty, AttachStdin: stdin = false, DetachKeys: keys } = exec.body;
  const ending = await converse(client, process.attached[0]!, {
    stdin,
    ...(tty ? { keys: parseDetachKeys(keys) } : {}),
    before: (how) => (how === "output ended" ? process.exited.then(() => {}) : Promise.resolve()),
  });
  if (ending === "detached") tell(m, exec, "exec_detach");
}

function ended(m: ExecNeeds, exec: Exec, code: number): void {
  exec.running = false;
  exec.exitCode = code;
  exec.endedAt = Date.now();
  exec.process = undefined;
  tell(m, exec, "exec_die", { exitCode: String(code) });
}

const tell = (m: ExecNeeds, exec: Exec, action: string, more: Record<string, string> = {}): void =>
  announce(m.events, exec.container, action, { execID: exec.id, ...more });

/** Those that nobody asked for in minutes. */
function forgetOld(m: ExecNeeds): void {
  const before = Date.now() - EXEC_KEPT_MS;
  m.containers.removeExecs(({ endedAt }) => endedAt !== undefined && endedAt < before);
}

export const execInspect = job(
  "exec_inspect",
  async (m: Needs<"containers">, input: { id: string }): Promise<ExecInspect> => {
    const { id, body, running, exitCode, container, pid } = m.containers.exec(input.id);
    return {
      ID: id,
      Running: running,
      ExitCode: exitCode,
      ProcessConfig: {
        tty: body.Tty === true,
        entrypoint: body.Cmd![0]!,
        arguments: body.Cmd!.slice(1),
        privileged: body.Privileged === true,
        ...(body.User ? { user: body.User } : {}),
      },
      OpenStdin: body.AttachStdin === true,
      OpenStderr: body.AttachStderr === true,
      OpenStdout: body.AttachStdout === true,
      CanRemove: false,
      ContainerID: container.id,
      DetachKeys: body.DetachKeys ?? "",
      Pid: pid,
    };
  },
);

export const execResize = job(
  "exec_resize",
  async (m: Needs<"containers">, input: { id: string; height?: number; width?: number }): Promise<void> => {
    const { height, width } = sizeOf(input);
    const exec = m.containers.exec(input.id);
    if (!exec.process) throw conflict(`exec process ${exec.id} is not running`);
    await exec.process.resize(height, width);
  },
);
