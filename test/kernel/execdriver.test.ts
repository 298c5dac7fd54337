import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { newId } from "../../src/base/id.ts";
import { Log } from "../../src/base/log.ts";
import {
  DEFAULT_CAPABILITIES,
  DEFAULT_MOUNTS,
  MASKED_PATHS,
  READONLY_PATHS,
} from "../../src/container/profile.ts";
import { defaultProfile } from "../../src/container/seccomp_profile.ts";
import type { Rootfs, Stdio } from "../../src/execdriver/driver.ts";
import { NativeDriver } from "../../src/execdriver/native.ts";
import { cgroups } from "../../src/libcontainer/cgroup.ts";
import type { Mount, NamespaceType, Process as OciProcess, Resources, Spec } from "../../src/oci/runtime.ts";
import { census, settled } from "../census.ts";
import { type Bench, execDriverContract, outputOf, QUIET, running, until } from "../contract/execdriver.ts";

const APPLETS =
  "sh cat echo sleep id env ls mount pwd hostname stat readlink stty tty yes head true false touch mkdir ps kill wc printf dd grep tail";
const ALL: readonly NamespaceType[] = ["mount", "network", "uts", "pid", "ipc"];
const CAPABILITIES = [...DEFAULT_CAPABILITIES];
const READ: Stdio = { ...QUIET, attach: [{ stdin: false, stdout: true, stderr: true }] };

const folder = mkdtempSync(join(tmpdir(), "bk-execdriver-"));
const parent = `/bk-execdriver-${process.pid}`;
const scope = { marks: [folder, parent] };
const before = census(scope);
const log = new Log("fatal");
const root = join(folder, "run");

interface Wishes extends Partial<OciProcess> {
  readonly namespaces?: readonly NamespaceType[];
  readonly resources?: Resources;
  readonly mounts?: readonly Mount[];
  readonly readonly?: boolean;
  readonly sysctl?: Record<string, string>;
}

function specFor(id: string, args: readonly string[], wishes: Wishes = {}): Spec {
  const { mounts = [], readonly = false, sysctl = {}, resources = {}, namespaces = ALL, ...process } = wishes;
  return {
    ociVersion: "1.2.0",
    root: { path: "rootfs", readonly },
    hostname: "inside",
    process: {
      user: { uid: 0, gid: 0, additionalGids: [0] },
      args: [...args],
      env: ["PATH=/bin", "HOME=/root"],
      cwd: "/",
      capabilities: { bounding: CAPABILITIES, effective: CAPABILITIES, permitted: CAPABILITIES },
      ...process,
    },
    mounts: [...DEFAULT_MOUNTS, ...mounts],
    linux: {
      namespaces: namespaces.map((type) => ({ type })),
      cgroupsPath: `${parent}/${id}`,
      resources,
      seccomp: defaultProfile({ capabilities: CAPABILITIES, kernel: [6, 0] }),
      maskedPaths: [...MASKED_PATHS],
      readonlyPaths: [...READONLY_PATHS],
      sysctl,
    },
  };
}

function overlayFor(id: string): Rootfs {
  const upper = join(folder, "layers", id, "upper");
  const work = join(folder, "layers", id, "work");
  for (const path of [upper, work]) mkdirSync(path, { recursive: true });
  return { kind: "overlay", lower: [join(folder, "base")], upper, work };
}

const bench: Bench = { driver: new NativeDriver({ root, log }), spec: specFor, rootfs: overlayFor };

async function shell(line: string, wishes: Wishes = {}) {
  const id = newId();
  const spec = specFor(id, ["sh", "-c", line], wishes);
  const process = await bench.driver.run({ id, spec, rootfs: overlayFor(id), stdio: READ });
  const output = await outputOf(process.attached[0]!);
  const { code } = await process.exited;
  await bench.driver.delete(id);
  return { ...output, code };
}

beforeAll(() => {
  if (process.getuid?.() !== 0) throw new Error("kernel tests need root");
  const busybox = Bun.which("busybox");
  if (!busybox) throw new Error("busybox is missing: apt-get install busybox-static");
  const base = join(folder, "base");
  for (const name of ["bin", "etc", "root", "tmp"]) mkdirSync(join(base, name), { recursive: true });
  cpSync(busybox, join(base, "bin/busybox"));
  for (const name of APPLETS.split(" ")) symlinkSync("busybox", join(base, "bin", name));
  writeFileSync(
    join(base, "etc/passwd"),
    "root:x:0:0:root:/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n",
  );
  writeFileSync(join(base, "etc/group"), "root:x:0:\nwheel:x:10:root,alice\nalice:x:1000:\n");
});

afterAll(async () => {
  cgroups().prune(parent);
  rmSync(folder, { recursive: true, force: true });
  expect(await settled(before, scope)).toEqual([]);
});

describe("native driver", () => execDriverContract(bench));

test("a container sees its own host name, processes and links only", async () => {
  const { stdout } = await shell("hostname; echo $$; ls /sys/class/net; ls /proc | grep -c '^[0-9]'");
  expect(stdout).toMatch(/^inside\n1\nlo\n[23]\n$/);
});

test("a container has Docker's capabilities, a filter, and no way to the host's files", async () => {
  const { stdout } = await shell(
    "grep -E 'Cap(Eff|Bnd)|Seccomp:' /proc/self/status; ls /proc/self/fd/ | wc -w; cat /proc/keys | wc -c",
  );
  expect(stdout).toContain("CapEff:\t00000000a80425fb");
  expect(stdout).toContain("CapBnd:\t00000000a80425fb");
  expect(stdout).toContain("Seccomp:\t2");
  expect(stdout).toEndWith("4\n0\n");
});

test("masked and read-only paths cannot be written or read", async () => {
  const { stdout } = await shell(
    "echo x 2>&1 > /proc/sys/kernel/hostname; cat /proc/interrupts; ls /sys/firmware; mkdir /sys/x 2>&1",
  );
  expect(stdout).toContain("Read-only file system");
});

test("a user gets its groups and no capabilities; a working directory is made", async () => {
  const user = { uid: 1000, gid: 1000, additionalGids: [1000, 10] };
  const { stdout } = await shell("id; pwd; stat -c '%u %a' .; grep CapEff /proc/self/status", {
    user,
    cwd: "/new/dir",
  });
  expect(stdout).toBe(
    "uid=1000(alice) gid=1000(alice) groups=10(wheel),1000(alice)\n/new/dir\n0 755\nCapEff:\t0000000000000000\n",
  );
});

test("a read-only root is read-only, /dev is not", async () => {
  const { stdout, code } = await shell("touch /x 2>&1; touch /dev/x && echo ok", { readonly: true });
  expect(stdout).toBe("touch: /x: Read-only file system\nok\n");
  expect(code).toBe(0);
});

test("binds: read-only, files, and missing targets are made beneath the root", async () => {
  const source = join(folder, "shared");
  mkdirSync(source, { recursive: true });
  writeFileSync(join(source, "file"), "content\n");
  const mounts: Mount[] = [
    { destination: "/deep/er/dir", type: "bind", source, options: ["rbind", "ro", "rprivate"] },
    { destination: "/etc/one", type: "bind", source: join(source, "file"), options: ["bind", "rprivate"] },
  ];
  const { stdout } = await shell(
    "cat /deep/er/dir/file /etc/one; touch /deep/er/dir/x 2>&1; echo more >> /etc/one",
    { mounts },
  );
  expect(stdout).toBe("content\ncontent\ntouch: /deep/er/dir/x: Read-only file system\n");
  expect(readFileSync(join(source, "file"), "utf8")).toBe("content\nmore\n");
});

test("a link of the image that points out ends inside: nothing of the host is mounted over", async () => {
  const id = newId();
  const rootfs = overlayFor(id);
  const outside = join(folder, "outside");
  mkdirSync(outside);
  if (rootfs.kind === "overlay") symlinkSync(`../../../../../../..${outside}`, join(rootfs.upper, "trap"));
  const mounts: Mount[] = [{ destination: "/trap/in", type: "tmpfs", source: "tmpfs", options: [] }];
  const spec = specFor(id, ["sh", "-c", `ls -d ${outside}/in`], { mounts });
  const started = await bench.driver.run({ id, spec, rootfs, stdio: READ });
  expect((await outputOf(started.attached[0]!)).stdout).toBe(`${outside}/in\n`);
  await started.exited;
  await bench.driver.delete(id);
  expect(Bun.spawnSync(["ls", "-A", outside]).stdout.toString()).toBe("");
});

test("a link named /proc is refused", async () => {
  const id = newId();
  const rootfs = overlayFor(id);
  if (rootfs.kind === "overlay") symlinkSync("/tmp", join(rootfs.upper, "proc"));
  const failed = bench.driver.run({ id, spec: specFor(id, ["true"]), rootfs, stdio: QUIET });
  expect(
    await failed.then(
      () => "",
      (e: Error) => e.message,
    ),
  ).toContain('to rootfs at "/proc"');
});

test("a sysctl of the host's is refused, one of a namespace is set", async () => {
  const { stdout } = await shell("cat /proc/sys/net/ipv4/ip_unprivileged_port_start", {
    sysctl: { "net.ipv4.ip_unprivileged_port_start": "7" },
  });
  expect(stdout).toBe("7\n");
  expect(
    await shell("true", { sysctl: { "vm.swappiness": "1" } }).then(
      () => "",
      (e: Error) => e.message,
    ),
  ).toBe('sysctl "vm.swappiness" is not in a separate kernel namespace');
});

test("init: the program is a child of docker-init, which ends with its code", async () => {
  const id = newId();
  const mounts: Mount[] = [
    { destination: "/sbin/docker-init", type: "bind", source: bench.driver.init, options: ["bind", "ro"] },
  ];
  const spec = specFor(
    id,
    ["/sbin/docker-init", "--", "sh", "-c", "cat /proc/1/comm; echo $$; (sleep 0.01 &); exit 9"],
    { mounts },
  );
  const started = await bench.driver.run({ id, spec, rootfs: overlayFor(id), stdio: READ });
  expect((await outputOf(started.attached[0]!)).stdout).toMatch(/^docker-init\n\d\n$/);
  expect((await started.exited).code).toBe(9);
  await bench.driver.delete(id);
});

test("terminal: has a size, is resized, and answers on one stream", async () => {
  const attach = [{ stdin: true, stdout: true, stderr: true }];
  const stdio: Stdio = { tty: true, openStdin: true, stdinOnce: true, attach };
  await using c = await running(
    bench,
    "tty; stty size; read x; stty size; ls -l /dev/console; echo $x",
    stdio,
    {
      terminal: true,
      consoleSize: { height: 33, width: 77 },
    },
  );
  const [peer] = c.process.attached;
  let seen = "";
  const reading = (async () => {
    for await (const chunk of peer!.input) seen += Buffer.from(chunk).toString();
  })();
  await until(() => seen.includes("33 77"));
  await c.process.resize(40, 100);
  await peer!.write(Buffer.from("typed\n"));
  await reading;
  expect(seen).toMatch(
    /\/dev\/pts\/0\r\n33 77\r\ntyped\r\n40 100\r\ncrw.*136, +0 .*\/dev\/console\r\ntyped\r\n$/s,
  );
});

test("exec with a terminal, as a user, in another folder", async () => {
  await using c = await running(bench, "exec sleep 1000");
  const { process: base } = specFor("x", ["sh", "-c", "tty; id -u; pwd; stty size"]);
  const exec = await bench.driver.exec({
    container: c.id,
    id: newId(),
    process: {
      ...base,
      terminal: true,
      consoleSize: { height: 5, width: 6 },
      user: { uid: 1000, gid: 1000 },
      cwd: "/tmp",
    },
    stdio: {
      tty: true,
      openStdin: false,
      stdinOnce: false,
      attach: [{ stdin: false, stdout: true, stderr: true }],
    },
  });
  let seen = "";
  for await (const chunk of exec.attached[0]!.input) seen += Buffer.from(chunk).toString();
  expect(seen).toBe("/dev/pts/0\r\n1000\r\n/tmp\r\n5 6\r\n");
  expect((await exec.exited).code).toBe(0);
});

test("log: Docker's format, long lines in pieces, no end of line at the end", async () => {
  const path = join(folder, "test.log");
  const stdio = { ...QUIET, log: { path, maxSize: 0, maxFiles: 1 } };
  const line = `printf 'a<b>&"\\\\\\t\\n'; printf '\\377\\xe2\\x82\\xac\\n' >&2; head -c 20000 /dev/zero; printf end`;
  await using c = await running(bench, line, stdio);
  await c.process.exited;
  const entries = readFileSync(path, "utf8").trimEnd().split("\n");
  expect(
    entries.some((e) =>
      e.startsWith('{"log":"a\\u003cb\\u003e\\u0026\\"\\\\\\u0009\\n","stream":"stdout","time":"20'),
    ),
  ).toBe(true);
  const parsed = entries.map((e) => JSON.parse(e) as { log: string; stream: string; time: string });
  const of = (stream: string) => parsed.filter((e) => e.stream === stream).map((e) => e.log);
  expect(of("stderr")).toEqual(["\ufffd€\n"]);
  expect(of("stdout").map((e) => e.length)).toEqual([9, 16384, 20000 - 16384 + 3]);
  expect(
    parsed.every((e) => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/.test(e.time) && !/0Z$/.test(e.time)),
  ).toBe(true);
});

test("log: rotation keeps as many files as asked for", async () => {
  const path = join(folder, "rotated.log");
  const stdio = { ...QUIET, log: { path, maxSize: 10_000, maxFiles: 3 } };
  await using c = await running(bench, "yes 0123456789 | head -n 1000", stdio);
  await c.process.exited;
  const sizes = [path, `${path}.1`, `${path}.2`].map((file) => Bun.file(file).size);
  expect(sizes.slice(1).every((size) => size >= 10_000 && size < 10_200)).toBe(true);
  expect(await Bun.file(`${path}.3`).exists()).toBe(false);
});

test("the host's pids: what the first process leaves behind ends with it", async () => {
  const { stdout, code } = await shell("sleep 1000 & echo $!; exit 6", {
    namespaces: ["mount", "uts", "ipc", "network"],
  });
  expect(code).toBe(6);
  expect(() => process.kill(Number(stdout), 0)).toThrow("ESRCH");
});

test("out of memory: the kernel's kill is told", async () => {
  const id = newId();
  const resources = { memory: { limit: 16 * 2 ** 20, swap: 16 * 2 ** 20 } };
  const spec = specFor(id, ["sh", "-c", "head -c 100000000 /dev/zero | tail -n 1"], {
    resources,
  });
  const started = await bench.driver.run({ id, spec, rootfs: overlayFor(id), stdio: QUIET });
  expect((await started.exited).oomKilled).toBe(true);
  await bench.driver.delete(id);
});

test("tmpcopyup: a tmpfs begins with what it covers", async () => {
  const mounts: Mount[] = [
    { destination: "/etc", type: "tmpfs", source: "tmpfs", options: ["tmpcopyup", "nosuid"] },
  ];
  const { stdout } = await shell("grep -c root /etc/passwd; touch /etc/new && stat -c %a /etc", { mounts });
  expect(stdout).toBe("1\n755\n");
});

test("a reader that does not read holds the container back, and goes without harm", async () => {
  await using c = await running(
    bench,
    "i=0; while :; do echo line; i=$((i+1)); echo $i > /progress; done",
    READ,
  );
  const seen = () => Number(readFileSync(join(folder, "layers", c.id, "upper/progress"), "utf8"));
  await until(() => seen() > 100);
  let last = -1;
  await until(async () => {
    const now = seen();
    const stands = now === last;
    last = now;
    await Bun.sleep(100);
    return stands;
  });
  c.process.attached[0]!.close();
  await until(() => seen() > last + 1000);
});

test("daemon killed: containers and their logs go on, and are adopted with their exit codes", async () => {
  const ids = Array.from({ length: 5 }, newId);
  const ends = join(folder, "ends");
  mkdirSync(ends);
  const mounts: Mount[] = [{ destination: "/ends", type: "bind", source: ends, options: ["bind"] }];
  const requests = ids.map((id, index) => ({
    id,
    spec: specFor(
      id,
      ["sh", "-c", `while [ ! -e /ends/${index} ]; do echo tick; sleep 0.02; done; exit ${index}`],
      { mounts },
    ),
    rootfs: overlayFor(id),
    stdio: { ...QUIET, log: { path: join(folder, `${id}.log`), maxSize: 0, maxFiles: 1 } },
  }));
  const daemon = Bun.spawn([process.execPath, join(import.meta.dir, "../fake/starter.ts"), root], {
    stdin: new Blob([JSON.stringify(requests)]),
    stdout: "pipe",
    stderr: "inherit",
  });
  await daemon.stdout.getReader().read();
  daemon.kill("SIGKILL");
  await daemon.exited;
  const size = () => Bun.file(join(folder, `${ids[0]}.log`)).size;
  const before = size();
  await until(() => size() > before);
  writeFileSync(join(ends, "0"), ""); // one ends while nobody is there
  await until(() => existsSync(join(root, ids[0]!, "exit")));
  const driver = new NativeDriver({ root, log });
  const adopted = await Promise.all(ids.map((id) => driver.adopt(id, { tty: false })));
  for (const index of ids.keys()) writeFileSync(join(ends, String(index)), "");
  expect(await Promise.all(adopted.map(async (p) => (await p!.exited).code))).toEqual([0, 1, 2, 3, 4]);
  for (const id of ids) await driver.delete(id);
});

test("adopt: another daemon finds it running, attached and with its exit code", async () => {
  await using c = await running(bench, "read x; echo $x; exit 4", { ...READ, openStdin: true });
  const other = new NativeDriver({ root, log });
  const adopted = await other.adopt(c.id, { tty: false });
  expect(adopted?.pid).toBe(c.process.pid);
  const peer = await adopted!.attach({ stdin: true, stdout: true, stderr: true });
  await peer.write(Buffer.from("hello\n"));
  expect((await outputOf(peer)).stdout).toBe("hello\n");
  expect(await adopted!.exited).toMatchObject({ code: 4 });
  const later = await new NativeDriver({ root, log }).adopt(c.id, { tty: false });
  expect(await later!.exited).toMatchObject({ code: 4 });
});

test("resolveUser: names and numbers beneath the root's layers, in Docker's words", () => {
  const rootfs = overlayFor(newId());
  const ask = (user: string, groups: string[] = []) => bench.driver.resolveUser(rootfs, user, groups);
  expect(ask("")).toEqual({ uid: 0, gid: 0, additionalGids: [0, 10], home: "/root" });
  expect(ask("alice")).toEqual({ uid: 1000, gid: 1000, additionalGids: [1000, 10], home: "/home/alice" });
  expect(ask("7:wheel", ["44"])).toEqual({ uid: 7, gid: 10, additionalGids: [10, 44], home: "/" });
  expect(() => ask("bob")).toThrow("unable to find user bob: no matching entries in passwd file");
  expect(() => ask("1:none")).toThrow("unable to find group none: no matching entries in group file");
});
