import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bunkerCommand, command, type Result, TestDaemon } from "../daemon.ts";
import { ABIS, fates, probeProgram } from "../probe.ts";

setDefaultTimeout(120_000);

/**
 * A running Docker 28 as DOCKER_HOST would name it, to be held against: `REFERENCE=unix:///… bun test test/peer/confine.test.ts`.
 * Both engines are asked through bunker's own command line.
 */
const REFERENCE = process.env.REFERENCE;
if (!REFERENCE) console.log("skipped: REFERENCE names no running Docker to compare with");

const IMAGE = "bunker-confine-probe";
const FLAGS: readonly (readonly string[])[] = [
  [],
  ["--privileged"],
  ["-u", "1000:1000"],
  ["--cap-drop", "ALL", "--cap-add", "NET_ADMIN"],
  ["--read-only", "--tmpfs", "/run", "--shm-size", "8m", "--ulimit", "nofile=77:99"],
  ["--pid", "host", "--ipc", "host", "--uts", "host", "--network", "host"],
  ["-m", "64m", "--cpus", "0.5", "--pids-limit", "50", "--oom-score-adj", "100"],
  ["--cgroupns", "private", "--security-opt", "no-new-privileges", "--sysctl", "net.ipv4.ip_forward=1"],
  ["--device", "/dev/kmsg:/dev/k:r", "-e", "A=b", "-w", "/tmp", "--hostname", "named"],
];

/** Everything that a process can see of its confinement. */
const LOOK = `
grep -E '^(Cap|NoNewPrivs|Seccomp|Groups|Umask|Cpus_allowed_list|Speculation)' /proc/self/status
env | sort
id
pwd
cat /proc/self/limits /proc/self/oom_score_adj
ls -l /dev | awk '{ if (/^[cb]/) print $1, $3, $4, $5, $6, $10; else print $1, $NF }'
awk '{ print $5, $6, $(NF-2), $(NF-1), $NF }' /proc/self/mountinfo
cut -d: -f2,3 /proc/self/cgroup
sort /sys/fs/cgroup/devices/devices.list 2>/dev/null
cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory/memory.memsw.limit_in_bytes 2>/dev/null
cat /sys/fs/cgroup/cpu/cpu.cfs_quota_us /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/memory.max /sys/fs/cgroup/cpu.max 2>/dev/null
cat /proc/sys/net/ipv4/ping_group_range /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/net/ipv4/ip_forward
head -c 1 /proc/keys | wc -c; ls /sys/firmware; ls /proc/acpi
`;

/**
 * What differs between any two containers: ids, the engines' own folders and parents, how overlay says its layers. And what
 * is tighter here than in Docker: masked files and the folder of cgroup v1's hierarchies cannot be changed.
 */
const plain = (text: string): string[] =>
  text
    .replace(/[0-9a-f]{64}/g, "ID")
    .replace(/\b[0-9a-f]{12}\b/g, "SHORT")
    .replace(/:\/(docker|bunker-test-\d+)\/ID/g, ":/PARENT/ID")
    .replace(/^(\/ \S+ overlay overlay) .*$/gm, "$1")
    .replace(/^(\/proc\/(interrupts|keys|timer_list)|\/sys\/fs\/cgroup) r[ow],/gm, "$1 ro,")
    .replace(/ cgroup systemd /g, " cgroup cgroup ")
    .split("\n");

/** A number between the two ABIs that share a table: libseccomp takes it for one of x32's. */
const ODD = { abi: "x32", nr: 335 };

/** A root folder of busybox and the probe, as a tar: one that no image of the reference's user has the name of. */
async function imageArchive(folder: string): Promise<string> {
  const root = join(folder, "root");
  for (const name of ["bin", "etc", "tmp", "root", "proc"]) mkdirSync(join(root, name), { recursive: true });
  copyFileSync(Bun.which("busybox")!, join(root, "bin/busybox"));
  copyFileSync(await probeProgram(), join(root, "probe"));
  writeFileSync(join(root, "etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n");
  writeFileSync(join(root, "etc/group"), "root:x:0:\n");
  const archive = join(folder, "image.tar");
  for (const argv of [
    ["chroot", root, "/bin/busybox", "--install", "-s", "/bin"],
    ["tar", "-cf", archive, "-C", root, "."],
  ])
    expect(await command(argv)).toMatchObject({ code: 0 });
  return archive;
}

describe.skipIf(!REFERENCE)("the same as in Docker, seen from inside", () => {
  let daemon: TestDaemon;
  let folder: string;
  const reference = (args: readonly string[]): Promise<Result> =>
    command([...bunkerCommand(), ...args], { env: { DOCKER_HOST: REFERENCE! } });

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "bk-confine-"));
    daemon = await TestDaemon.start();
    const archive = await imageArchive(folder);
    for (const engine of [reference, (args: readonly string[]) => daemon.cli(args)])
      expect(await engine(["import", archive, IMAGE])).toMatchObject({ code: 0 });
  });

  afterAll(async () => {
    await reference(["rmi", "-f", IMAGE]);
    rmSync(folder, { recursive: true, force: true });
    await daemon[Symbol.asyncDispose]();
  });

  test.each(FLAGS.map((flags) => [flags]))("with %j", async (flags) => {
    const args = ["run", "--rm", ...(flags.includes("--network") ? [] : ["--network", "none"]), ...flags];
    const [theirs, ours] = await Promise.all(
      [reference, (given: readonly string[]) => daemon.cli(given)].map((engine) =>
        engine([...args, IMAGE, "sh", "-c", LOOK]),
      ),
    );
    expect(plain(ours!.stdout)).toEqual(plain(theirs!.stdout));
    expect(ours!.code).toBe(theirs!.code);
  });

  test.each(ABIS.map((abi) => [...abi]))(
    "the fate of each system call of ABI %s",
    async (abi, _arch, last) => {
      const args = [
        "run",
        "--rm",
        "--network",
        "none",
        IMAGE,
        "/probe",
        "fates",
        String(abi),
        "0",
        String(last),
      ];
      const theirs = fates((await reference(args)).stdout);
      const ours = fates((await daemon.cli(args)).stdout);
      expect(ours.size).toBe(last as number);
      const odd = (nr: number) => abi === ODD.abi && nr === ODD.nr;
      expect([...ours].filter(([nr, fate]) => !odd(nr) && theirs.get(nr) !== fate)).toEqual([]);
    },
  );
});
