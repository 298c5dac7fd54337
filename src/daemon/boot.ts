import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { build } from "../base/build.ts";
import type { Log } from "../base/log.ts";
import { Undo } from "../base/undo.ts";
import { type BuiltinModules, register } from "../builtins.ts";
import { hostFacts } from "../container/facts.ts";
import { Supervisor } from "../container/monitor.ts";
import { DEFAULT_CAPABILITIES } from "../container/profile.ts";
import { defaultProfile } from "../container/seccomp_profile.ts";
import { Containers } from "../container/store.ts";
import { Distribution } from "../distribution/pull.ts";
import { Engine } from "../engine/engine.ts";
import { trap } from "../engine/trap.ts";
import { Events } from "../events/events.ts";
import { NativeDriver } from "../execdriver/native.ts";
import { GraphDB } from "../graph/graphdb.ts";
import { selectDriver } from "../graphdriver/select.ts";
import { Images } from "../image/store.ts";
import { supervision } from "../jobs/container/supervision.ts";
import type { Host, Modules } from "../jobs/needs.ts";
import { initNetworkdriver } from "../jobs/network/init.ts";
import { Layers } from "../layer/store.ts";
import { compileSeccomp } from "../libcontainer/seccomp.ts";
import { Networks } from "../network/store.ts";
import { BridgeDriver } from "../networkdriver/bridge.ts";
import type { NetworkDriver } from "../networkdriver/driver.ts";
import { HostDriver, NullDriver } from "../networkdriver/fixed.ts";
import { Namespaces } from "../networkdriver/namespaces.ts";
import { References } from "../reference/store.ts";
import { router } from "../server/router.ts";
import { routes } from "../server/routes.ts";
import { acceptconnections, Server, serveapi } from "../server/serve.ts";
import { helloImage } from "../sys/embedded.ts";
import { releaseMemory } from "../sys/memory.ts";
import { Volumes } from "../volume/store.ts";
import type { Config } from "./config.ts";
import { checkHost, engineId, lockRoot, tellManager, writePidFile } from "./host.ts";
import { whenIdle, whenQuiet } from "./idle.ts";
import { restore } from "./restore.ts";
import { bridgeOf, hostOf, levelOf, servingOf, settingsOf } from "./settings.ts";
import { shutdownSeconds, stopContainers } from "./shutdown.ts";

/** A running daemon. */
export interface Daemon {
  /** Resolves when it has ended because nobody needed it. */
  readonly ended: Promise<void>;
  /** Takes over what may change while running; says so in an event. */
  reload(config: Config): void;
}

/**
 * Docker's mainDaemon, the only composition root. Sockets accept from the first moment on; requests are answered when
 * everything is loaded and what an earlier daemon left is taken up. Throws, with nothing left behind, when it cannot be.
 */
export async function boot(config: Config, log: Log): Promise<Daemon> {
  const closing = new Undo(log);
  return closing.around(async () => {
    checkHost();
    const lock = lockRoot(config.dataRoot);
    closing.push("data root lock", () => lock.release());
    closing.push("pid file", writePidFile(config.pidfile));
    mkdirSync(config.execRoot, { recursive: true, mode: 0o711 });

    const engine = new Engine<BuiltinModules>(log);
    register(engine);
    const server = new Server(router(routes, engine, `bunker/${build.version} (linux)`, log), log);
    engine.install({ engine, server });
    await engine.run(serveapi, servingOf(config));
    closing.push("sockets", () => server.close());

    const host = hostOf(config, engineId(config.dataRoot));
    const modules = await compose(config, host, log, closing);
    engine.install(modules);
    await engine.run(initNetworkdriver, undefined);
    await restore(modules);

    const end = once(() => shutdown(engine, modules, log, closing));
    trap(end, log);
    const busy = () => engine.running > 0 || modules.containers.list().some((container) => container.running);
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    closing.push(
      "idle exit",
      whenIdle(config.idleExit, server, busy, () => void end().then(resolve)),
    );

    closing.push("rest", whenQuiet(server, releaseMemory, QUIET_MS));
    const started = setTimeout(releaseMemory, AFTER_START_MS); // most of what the start needed is not needed again
    closing.push("memory of the start", () => clearTimeout(started));

    await engine.run(acceptconnections, undefined);
    tellManager("READY=1", log);
    const warm = setTimeout(prepareConfinement, WARM_UP_MS);
    closing.push("warm-up", () => clearTimeout(warm));
    log.info("daemon has completed initialization", {
      version: build.version,
      commit: build.commit,
      graphdriver: modules.layers.driverName,
      execdriver: modules.execdriver.name,
    });
    return { ended, reload: (fresh) => reload(fresh, host, modules, log) };
  });
}

/** So long without a request, and memory is given back: not sooner, since a container starts 2 ms slower after it. */
const QUIET_MS = 30_000;
const AFTER_START_MS = 1_500;

/** After the start's own rush, before the first container in most lives. */
const WARM_UP_MS = 100;

/** The default seccomp profile takes 8 ms to compile: not in a container's start. */
const prepareConfinement = (): void =>
  void compileSeccomp(defaultProfile({ capabilities: DEFAULT_CAPABILITIES, kernel: hostFacts().kernel }));

/** Every module by its name, each with the ones it needs. What must be closed is pushed on `closing`. */
async function compose(config: Config, host: Host, log: Log, closing: Undo): Promise<Modules> {
  const { dataRoot: root } = config;
  const graph = new GraphDB(join(root, "bunker.db"));
  closing.push("graph", () => graph.close());
  const driver = selectDriver({
    root,
    wanted: config.storageDriver,
    environment: process.env.DOCKER_DRIVER,
    log,
  });
  const layers = new Layers(graph, driver, root, log);
  closing.push("layers", () => layers.idle());
  await layers.cleanUp();
  const images = new Images(graph, layers, helloImage);
  const references = new References(graph);
  const events = new Events(graph, log);
  closing.push("events", () => events.flush());
  const namespaces = new Namespaces();
  closing.push("namespaces", () => namespaces.close());
  const networks = new Networks(graph, networkDrivers(config, namespaces, log), log);
  closing.push("networks", () => networks.close());
  const volumes = new Volumes(graph, root);
  const containers = new Containers(graph, root, log);
  const execdriver = new NativeDriver({ root: config.execRoot, owner: host.id, log });
  const supervisor = new Supervisor(
    { containers, events, execdriver, log },
    supervision(() => modules),
  );
  closing.push("supervisor", () => supervisor.idle());
  const distribution = new Distribution({
    ...{ images, layers, references, log },
    pace: { atOnce: config.maxConcurrentDownloads, attempts: config.maxDownloadAttempts },
    // asked at each pull: SIGHUP may change them
    get mirrors() {
      return host.settings.registryMirrors;
    },
    get insecure() {
      return host.settings.insecureRegistries;
    },
  });
  const modules: Modules = {
    ...{ containers, distribution, events, execdriver, host, images, layers, log },
    ...{ networks, references, supervisor, volumes },
  };
  return modules;
}

/** The networks that there always are; `--bridge none` leaves the first one out. */
const networkDrivers = (config: Config, namespaces: Namespaces, log: Log): NetworkDriver[] => [
  ...(config.bridge === "none" ? [] : [new BridgeDriver(bridgeOf(config), namespaces, log)]),
  new HostDriver(),
  new NullDriver(namespaces),
];

/** Three steps of the engine, the containers in the last of them; then what was opened is closed, last first. */
async function shutdown(engine: Engine<BuiltinModules>, m: Modules, log: Log, closing: Undo): Promise<void> {
  tellManager("STOPPING=1", log);
  const { liveRestore, shutdownTimeout } = m.host.settings;
  if (!liveRestore) engine.onShutdown("containers", () => stopContainers(m));
  await engine.shutdown({ handlers: shutdownSeconds(m.containers.list(), shutdownTimeout) * 1000 });
  await closing.unwind();
}

function reload(config: Config, host: Host, m: Modules, log: Log): void {
  Object.assign(host, { settings: settingsOf(config) });
  log.level = levelOf(config);
  log.info("configuration reloaded");
  m.events.emit("daemon", "reload", host.id, {
    name: host.name,
    debug: String(config.debug),
    labels: JSON.stringify(config.label),
    "insecure-registries": JSON.stringify(config.insecureRegistry),
    "registry-mirrors": JSON.stringify(config.registryMirror),
    "live-restore": String(config.liveRestore),
    "shutdown-timeout": String(config.shutdownTimeout),
  });
}

function once(body: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> | undefined;
  return () => {
    running ??= body();
    return running;
  };
}
