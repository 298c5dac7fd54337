import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parse } from "../parse.ts";
import { createBody, createFlags } from "./create.ts";

const body = (...argv: string[]) => {
  const { values, args } = parse(createFlags, [...argv, "busybox", "true"], true);
  return JSON.parse(JSON.stringify(createBody(values, args)));
};
const failure = (...argv: string[]): string => {
  try {
    return `no failure: ${JSON.stringify(body(...argv))}`;
  } catch (error) {
    return (error as Error).message;
  }
};

test("create: what was not asked for is not sent", () => {
  expect(body()).toEqual({
    Image: "busybox",
    Cmd: ["true"],
    Tty: false,
    OpenStdin: false,
    AttachStdin: false,
    AttachStdout: true,
    AttachStderr: true,
    StdinOnce: false,
    HostConfig: {},
  });
});

test.each([
  [["-it"], { Tty: true, OpenStdin: true, AttachStdin: true, StdinOnce: true }],
  [["-a", "STDERR"], { AttachStdout: false, AttachStderr: true }],
  [["-e", "A=b", "-e", "NO_SUCH_VARIABLE"], { Env: ["A=b", "NO_SUCH_VARIABLE"] }],
  [["-l", "a=b", "-l", "c"], { Labels: { a: "b", c: "" } }],
  [["--entrypoint", ""], { Entrypoint: [""] }],
  [["--stop-timeout", "-1"], { StopTimeout: -1 }],
  [
    ["--health-cmd", "true", "--health-interval", "1m30s"],
    { Healthcheck: { Test: ["CMD-SHELL", "true"], Interval: 90e9 } },
  ],
  [["--no-healthcheck"], { Healthcheck: { Test: ["NONE"] } }],
  [["-v", "/data"], { Volumes: { "/data": {} } }],
])("create: %j in the config", (argv, wanted) => {
  expect(body(...argv)).toMatchObject(wanted);
});

test.each([
  [["-m", "64m", "--memory-swap", "-1"], { Memory: 2 ** 26, MemorySwap: -1 }],
  [["--cpus", "1.5"], { NanoCpus: 1.5e9 }],
  [["--pids-limit", "-1"], { PidsLimit: -1 }],
  [["--restart", "on-failure:3"], { RestartPolicy: { Name: "on-failure", MaximumRetryCount: 3 } }],
  [["--ulimit", "nofile=10:20"], { Ulimits: [{ Name: "nofile", Soft: 10, Hard: 20 }] }],
  [
    ["--device", "/dev/a:/dev/b:r"],
    { Devices: [{ PathOnHost: "/dev/a", PathInContainer: "/dev/b", CgroupPermissions: "r" }] },
  ],
  [
    ["--device", "/dev/a:rm"],
    { Devices: [{ PathOnHost: "/dev/a", PathInContainer: "/dev/a", CgroupPermissions: "rm" }] },
  ],
  [["-v", "/a:/b:ro", "-v", "vol:/c"], { Binds: ["/a:/b:ro", "vol:/c"] }],
  [["-v", "./x:/b"], { Binds: [`${resolve("x")}:/b`] }],
  [["--tmpfs", "/t:size=1m", "--tmpfs", "/u"], { Tmpfs: { "/t": "size=1m", "/u": "" } }],
  [
    ["--mount", "type=bind,src=/a,dst=/b,ro"],
    { Mounts: [{ Type: "bind", Source: "/a", Target: "/b", ReadOnly: true }] },
  ],
  [
    ["--mount", 'dst=/b,"volume-opt=o=a,b",volume-nocopy'],
    {
      Mounts: [
        {
          Type: "volume",
          Target: "/b",
          VolumeOptions: { NoCopy: true, DriverConfig: { Options: { o: "a,b" } } },
        },
      ],
    },
  ],
  [
    ["--security-opt", "no-new-privileges", "--security-opt", "systempaths=unconfined"],
    { SecurityOpt: ["no-new-privileges"], MaskedPaths: [], ReadonlyPaths: [] },
  ],
  [["--network", "host"], { NetworkMode: "host" }],
  [["--add-host", "a=1.2.3.4", "--dns", "8.8.8.8"], { ExtraHosts: ["a:1.2.3.4"], Dns: ["8.8.8.8"] }],
  [["--log-opt", "max-size=1m"], { LogConfig: { Type: "", Config: { "max-size": "1m" } } }],
  [
    ["--init", "--privileged", "--read-only", "--rm"],
    { Init: true, Privileged: true, ReadonlyRootfs: true, AutoRemove: true },
  ],
  [["--gpus", "2"], { DeviceRequests: [{ Driver: "", Count: 2, Capabilities: [["gpu"]] }] }],
])("create: %j in the host config", (argv, wanted) => {
  expect(body(...argv).HostConfig).toMatchObject(wanted);
});

test("create: published ports stand in both maps", () => {
  const { ExposedPorts, HostConfig } = body(
    "-p",
    "8080:80",
    "-p",
    "127.0.0.1::53/udp",
    "-p",
    "9000-9001:90-91",
    "--expose",
    "7",
  );
  expect(Object.keys(ExposedPorts)).toEqual(["80/tcp", "53/udp", "90/tcp", "91/tcp", "7/tcp"]);
  expect(HostConfig.PortBindings).toEqual({
    "80/tcp": [{ HostIp: "", HostPort: "8080" }],
    "53/udp": [{ HostIp: "127.0.0.1", HostPort: "" }],
    "90/tcp": [{ HostIp: "", HostPort: "9000" }],
    "91/tcp": [{ HostIp: "", HostPort: "9001" }],
  });
});

test("create: an address, aliases and links belong to the first network", () => {
  const { NetworkingConfig, HostConfig } = body(
    "--network",
    "n1",
    "--network-alias",
    "a",
    "--ip",
    "10.0.0.9",
  );
  expect(HostConfig.NetworkMode).toBe("n1");
  expect(NetworkingConfig).toEqual({
    EndpointsConfig: { n1: { Aliases: ["a"], IPAMConfig: { IPv4Address: "10.0.0.9" } } },
  });
});

test("create: variables of files come first, comments and blank lines not at all", () => {
  const folder = mkdtempSync(join(tmpdir(), "bunker-"));
  const file = join(folder, "env");
  writeFileSync(file, "\ufeff# comment\n\nA=1\n  B=2 3\nNO_SUCH_VARIABLE\n");
  expect(body("-e", "A=9", "--env-file", file).Env).toEqual(["A=1", "B=2 3", "A=9"]);
  rmSync(folder, { recursive: true });
});

test.each([
  [["--memory", "zz"], `invalid argument "zz" for "-m, --memory" flag: invalid size: 'zz'`],
  [["--cpus", "abc"], 'invalid argument "abc" for "--cpus" flag: failed to parse abc as a rational number'],
  [["-e", "=x"], 'invalid argument "=x" for "-e, --env" flag: invalid environment variable: =x'],
  [
    ["-a", "foo"],
    'invalid argument "foo" for "-a, --attach" flag: valid streams are STDIN, STDOUT and STDERR',
  ],
  [["--ulimit", "foo=1"], 'invalid argument "foo=1" for "--ulimit" flag: invalid ulimit type: foo'],
  [
    ["--mount", "foo"],
    `invalid argument "foo" for "--mount" flag: invalid field 'foo' must be a key=value pair`,
  ],
  [
    ["--mount", "type=bind,src=/x"],
    'invalid argument "type=bind,src=/x" for "--mount" flag: target is required',
  ],
  [["--dns", "foo"], 'invalid argument "foo" for "--dns" flag: IP address is not correctly formatted: foo'],
  [["--add-host", "foo"], 'invalid argument "foo" for "--add-host" flag: bad format for add-host: "foo"'],
  [["-p", "abc"], "Invalid containerPort: abc"],
  [["-p", "1:2:3:4"], "Invalid ip address 1:2: address 1:2:: too many colons in address"],
  [["-p", "99999:80"], "Invalid hostPort: 99999"],
  [["-p", "8000-8002:80-81"], "Invalid ranges specified for container and host Ports: 80-81 and 8000-8002"],
  [["--restart", "zz", "--rm"], "conflicting options: cannot specify both --restart and --rm"],
  [["--restart", "on-failure:x"], "invalid restart policy format: maximum retry count must be an integer"],
  [["--env-file", "/nope"], "open /nope: no such file or directory"],
  [["--pid", "foo"], "--pid: invalid PID mode"],
  [["--userns", "foo"], "--userns: invalid USER mode"],
  [["--cgroupns", "foo"], "--cgroupns: invalid CGROUP mode"],
  [["--security-opt", "foo"], 'Invalid --security-opt: "foo"'],
  [["--storage-opt", "foo"], "invalid storage option"],
  [["--health-cmd", "x", "--no-healthcheck"], "--no-healthcheck conflicts with --health-* options"],
  [["--network-alias", "x"], "network-scoped aliases are only supported for user-defined networks"],
  [["--mac-address", "zz"], "zz is not a valid mac address"],
  [["--device-read-bps", "foo"], 'invalid argument "foo" for "--device-read-bps" flag: bad format: foo'],
])("create: %j is refused in Docker's words", (argv, words) => {
  expect(failure(...argv)).toBe(words);
});
