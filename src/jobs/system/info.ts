import { existsSync, readdirSync, readFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import type { InfoAnswer } from "../../api/system.ts";
import type { Container } from "../../container/container.ts";
import { job } from "../../engine/job.ts";
import type { Host, Needs } from "../needs.ts";
import { limits, warnings } from "./limits.ts";

const MACHINE: Readonly<Record<string, string>> = { x64: "x86_64", arm64: "aarch64" };

/** `SystemInfo`: the host, the daemon, and how many of what there are. */
export const info = job(
  "info",
  async (
    m: Needs<"containers" | "events" | "execdriver" | "host" | "images" | "layers">,
  ): Promise<InfoAnswer> => {
    const found = limits();
    return {
      ID: m.host.id,
      ...counts(m.containers.list()),
      Images: m.images.count(),
      Driver: m.layers.driverName,
      DriverStatus: m.layers.status(),
      Plugins: {
        Volume: ["local"],
        Network: ["bridge", "host", "null"],
        Authorization: null,
        Log: ["json-file", "none"],
      },
      ...found,
      CgroupDriver: "cgroupfs",
      NFd: readdirSync("/proc/self/fd").length,
      NEventsListener: m.events.subscribers,
      ...kernel(),
      ...registries(m.host),
      ...settings(m.host),
      ...runtimes(m.execdriver.name),
      ...absent(),
      SecurityOptions: [
        "name=seccomp,profile=builtin",
        ...(found.CgroupVersion === "2" ? ["name=cgroupns"] : []),
      ],
      Warnings: nullIfEmpty(warnings(found)),
    };
  },
);

function counts(containers: readonly Container[]) {
  const states = containers.map((container) => container.state);
  const Paused = states.filter((state) => state.paused).length;
  const Running = states.filter((state) => state.running && !state.paused).length;
  return {
    Containers: states.length,
    ContainersRunning: Running,
    ContainersPaused: Paused,
    ContainersStopped: states.length - Running - Paused,
  };
}

function kernel() {
  const os = osRelease();
  return {
    IPv4Forwarding: textOf("/proc/sys/net/ipv4/ip_forward") === "1",
    SystemTime: new Date().toISOString(),
    KernelVersion: release(),
    OperatingSystem: os.PRETTY_NAME ?? os.NAME ?? "Linux",
    OSVersion: os.VERSION_ID ?? "",
    OSType: "linux",
    Architecture: MACHINE[process.arch] ?? process.arch,
    NCPU: cpus().length,
    MemTotal: totalmem(),
  };
}

function registries({ settings: { registryMirrors, insecureRegistries } }: Host) {
  const insecure = insecureRegistries.filter((entry) => !entry.includes("/"));
  const index = (Name: string, Mirrors: readonly string[], Secure: boolean) => ({
    Name,
    Mirrors,
    Secure,
    Official: Name === "docker.io",
  });
  return {
    IndexServerAddress: "https://index.docker.io/v1/",
    RegistryConfig: {
      IndexConfigs: Object.fromEntries([
        ["docker.io", index("docker.io", registryMirrors, true)],
        ...insecure.map((name) => [name, index(name, [], false)]),
      ]),
      InsecureRegistryCIDRs: [
        ...insecureRegistries.filter((entry) => entry.includes("/")),
        "127.0.0.0/8",
        "::1/128",
      ],
      Mirrors: nullIfEmpty(registryMirrors),
    },
  };
}

function settings({ name, root, version, settings: { debug, labels, liveRestore, logDriver } }: Host) {
  return {
    Name: name,
    DockerRootDir: root,
    ServerVersion: version,
    Debug: debug,
    Labels: labels,
    LiveRestoreEnabled: liveRestore,
    LoggingDriver: logDriver,
    HttpProxy: process.env.HTTP_PROXY ?? "",
    HttpsProxy: process.env.HTTPS_PROXY ?? "",
    NoProxy: process.env.NO_PROXY ?? "",
    ExperimentalBuild: false,
  };
}

function runtimes(driver: string) {
  return {
    Runtimes: { bunker: { path: driver } },
    DefaultRuntime: "bunker",
    InitBinary: "bunker",
    ContainerdCommit: { ID: "" },
    RuncCommit: { ID: "" },
    InitCommit: { ID: "" },
    FirewallBackend: { Driver: "nftables" },
  };
}

/** What other engines have and clients look for. */
function absent() {
  return {
    NGoroutines: 0,
    GenericResources: null,
    Isolation: "",
    CDISpecDirs: [],
    Swarm: {
      NodeID: "",
      NodeAddr: "",
      LocalNodeState: "inactive",
      ControlAvailable: false,
      Error: "",
      RemoteManagers: null,
    },
  };
}

function osRelease(): Record<string, string> {
  const path = ["/etc/os-release", "/usr/lib/os-release"].find((one) => existsSync(one));
  const lines = path ? readFileSync(path, "utf8").matchAll(/^([A-Z_]+)=["']?(.*?)["']?$/gm) : [];
  return Object.fromEntries([...lines].map(([, key, value]) => [key!, value!]));
}

const textOf = (path: string): string => (existsSync(path) ? readFileSync(path, "utf8").trim() : "");
const nullIfEmpty = <T>(list: readonly T[]): readonly T[] | null => (list.length > 0 ? list : null);
