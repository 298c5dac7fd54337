import { expect, test } from "bun:test";
import { newId } from "../../src/base/id.ts";
import type { Peer } from "../../src/base/peer.ts";
import type { ExecDriver, Process, Rootfs, Stdio } from "../../src/execdriver/driver.ts";
import { StartError } from "../../src/execdriver/driver.ts";
import type { Process as OciProcess, Spec } from "../../src/oci/runtime.ts";

/** What the suite needs of whoever runs it. */
export interface Bench {
  readonly driver: ExecDriver;
  /** A specification that runs `args` with a busybox in /bin. */
  spec(id: string, args: readonly string[], process?: Partial<OciProcess>): Spec;
  rootfs(id: string): Rootfs;
}

export const QUIET: Stdio = { tty: false, openStdin: false, stdinOnce: false, attach: [] };
const READ: Stdio = { ...QUIET, attach: [{ stdin: false, stdout: true, stderr: true }] };
const SIGKILL = 9;
const SIGTERM = 15;

/** All that comes, with the 8-byte headers taken off: what went to stdout and to stderr. */
export async function outputOf(peer: Peer): Promise<{ stdout: string; stderr: string }> {
  const parts: Uint8Array[] = [];
  for await (const chunk of peer.input) parts.push(chunk);
  const bytes = Buffer.concat(parts);
  const text = ["", "", ""];
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readUInt32BE(at + 4);
    text[bytes[at]!] += bytes.subarray(at + 8, at + 8 + length).toString();
    at += 8 + length;
  }
  return { stdout: text[1]!, stderr: text[2]! };
}

/** Starts `line` in a shell; ends with the driver's own clean-up. */
export async function running(
  bench: Bench,
  line: string,
  stdio: Stdio = QUIET,
  changes?: Partial<OciProcess>,
) {
  const id = newId();
  const spec = bench.spec(id, ["sh", "-c", line], changes);
  const process = await bench.driver.run({ id, spec, rootfs: bench.rootfs(id), stdio });
  return {
    id,
    process,
    [Symbol.asyncDispose]: async () => {
      await bench.driver.kill(id, SIGKILL).catch(() => {});
      await process.exited;
      await bench.driver.delete(id);
    },
  };
}

const execProcess = (bench: Bench, args: readonly string[], changes?: Partial<OciProcess>): OciProcess =>
  bench.spec("exec", args, changes).process;

/** Every exec driver, and the fake, keeps these promises of src/execdriver/driver.ts. */
export function execDriverContract(bench: Bench): void {
  test("run: what the process prints reaches who was attached, and its code is told", async () => {
    await using c = await running(bench, "echo out; echo err >&2; exit 7", READ);
    expect(await outputOf(c.process.attached[0]!)).toEqual({ stdout: "out\n", stderr: "err\n" });
    expect(await c.process.exited).toMatchObject({ code: 7, oomKilled: false });
  });

  test("run: a command that is not there is a StartError with exit code 127, and nothing is left", async () => {
    const id = newId();
    const spec = bench.spec(id, ["nonexist"]);
    const failed = bench.driver.run({ id, spec, rootfs: bench.rootfs(id), stdio: QUIET });
    const error = await failed.then(
      () => undefined,
      (e: unknown) => e,
    );
    expect(error).toBeInstanceOf(StartError);
    expect(error).toMatchObject({ exitCode: 127, code: "invalid" });
    expect((error as Error).message).toEndWith('exec: "nonexist": executable file not found in $PATH');
    expect(await bench.driver.adopt(id, { tty: false })).toBeUndefined();
  });

  test("run: a file that cannot be run is exit code 126", async () => {
    const id = newId();
    const spec = bench.spec(id, ["/etc/passwd"]);
    const failed = bench.driver.run({ id, spec, rootfs: bench.rootfs(id), stdio: QUIET });
    expect(failed).rejects.toMatchObject({ exitCode: 126 });
    await failed.catch(() => {});
  });

  test("kill: the signal's number is added to 128, and a second kill is a conflict", async () => {
    await using c = await running(bench, "exec sleep 1000");
    await bench.driver.kill(c.id, SIGKILL);
    expect((await c.process.exited).code).toBe(137);
    expect(bench.driver.kill(c.id, SIGTERM)).rejects.toMatchObject({ code: "conflict" });
  });

  test("stdin: what is written comes in, and its end is seen with stdinOnce", async () => {
    const attach = [{ stdin: true, stdout: true, stderr: true }];
    await using c = await running(bench, "cat", { ...QUIET, openStdin: true, stdinOnce: true, attach });
    const [peer] = c.process.attached;
    await peer!.write(Buffer.from("one\n"));
    await peer!.write(Buffer.from("two\n"));
    peer!.end();
    expect((await outputOf(peer!)).stdout).toBe("one\ntwo\n");
    expect((await c.process.exited).code).toBe(0);
  });

  test("attach: a later reader gets what is printed from then on", async () => {
    const attach = [{ stdin: true, stdout: false, stderr: false }];
    await using c = await running(bench, "cat", { ...QUIET, openStdin: true, stdinOnce: true, attach });
    const later = await c.process.attach({ stdin: false, stdout: true, stderr: true });
    await c.process.attached[0]!.write(Buffer.from("seen\n"));
    c.process.attached[0]!.end();
    expect((await outputOf(later)).stdout).toBe("seen\n");
  });

  test("exec: runs in the container, with a code of its own", async () => {
    await using c = await running(bench, "exec sleep 1000");
    const process = execProcess(bench, ["sh", "-c", "cat /proc/1/comm; exit 5"]);
    const exec = await bench.driver.exec({ container: c.id, id: newId(), process, stdio: READ });
    expect((await outputOf(exec.attached[0]!)).stdout).toBe("sleep\n");
    expect((await exec.exited).code).toBe(5);
  });

  test("exec: a missing command is told as in start; an ended container is a conflict", async () => {
    await using c = await running(bench, "exec sleep 1000");
    const ask = (args: string[]) =>
      bench.driver.exec({ container: c.id, id: newId(), process: execProcess(bench, args), stdio: QUIET });
    const missing = await ask(["nope"]).then(
      () => undefined,
      (e: unknown) => e,
    );
    expect(missing).toMatchObject({ exitCode: 127 });
    expect((missing as Error).message).toStartWith("OCI runtime exec failed: exec failed: ");
    await bench.driver.kill(c.id, SIGKILL);
    await c.process.exited;
    expect(
      await ask(["true"]).then(
        () => undefined,
        (e: unknown) => e,
      ),
    ).toMatchObject({ code: "conflict" });
  });

  test("pause: nothing runs until resume", async () => {
    await using c = await running(bench, "while :; do echo .; sleep 0.01; done", READ);
    const got = c.process.attached[0]!.input[Symbol.asyncIterator]();
    await got.next();
    await bench.driver.pause(c.id);
    while (await Promise.race([got.next().then(() => true), Bun.sleep(60).then(() => false)]));
    await bench.driver.resume(c.id);
    expect((await got.next()).done).toBe(false);
  });

  test("pids, stats: the first process comes first, and its cgroup is read", async () => {
    await using c = await running(bench, "sleep 1000 & sleep 1000 & wait");
    await until(async () => (await bench.driver.pids(c.id)).length === 3);
    expect((await bench.driver.pids(c.id))[0]).toBe(c.process.pid);
    expect((await bench.driver.stats(c.id)).pids.current).toBe(3);
  });

  test("delete: what is not there is no error", async () => {
    await bench.driver.delete(newId());
  });
}

/** Waits for a condition, with a deadline. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 5000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error("the condition did not come true within 5 s");
    await Bun.sleep(5);
  }
}

export type Running = { readonly id: string; readonly process: Process };
