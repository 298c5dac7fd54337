import { afterAll, describe, expect, test } from "bun:test";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { newId } from "../../src/base/id.ts";
import type { Mount } from "../../src/oci/runtime.ts";
import { execDriverContract, outputOf, QUIET } from "../contract/execdriver.ts";
import { NativeBench, READ } from "../native.ts";

const bench = new NativeBench();
const { folder, shell, spec: specFor, rootfs: overlayFor } = bench;

afterAll(() => bench.close());

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

test("resolveUser: names and numbers beneath the root's layers, in Docker's words", () => {
  const rootfs = overlayFor(newId());
  const ask = (user: string, groups: string[] = []) => bench.driver.resolveUser(rootfs, user, groups);
  expect(ask("")).toEqual({ uid: 0, gid: 0, additionalGids: [0, 10], home: "/root" });
  expect(ask("alice")).toEqual({ uid: 1000, gid: 1000, additionalGids: [1000, 10], home: "/home/alice" });
  expect(ask("7:wheel", ["44"])).toEqual({ uid: 7, gid: 10, additionalGids: [10, 44], home: "/" });
  expect(() => ask("bob")).toThrow("unable to find user bob: no matching entries in passwd file");
  expect(() => ask("1:none")).toThrow("unable to find group none: no matching entries in group file");
});
