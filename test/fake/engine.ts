import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Log } from "../../src/base/log.ts";
import { Supervisor } from "../../src/container/monitor.ts";
import { Containers } from "../../src/container/store.ts";
import { Engine } from "../../src/engine/engine.ts";
import { Events } from "../../src/events/events.ts";
import { GraphDB } from "../../src/graph/graphdb.ts";
import { Vfs } from "../../src/graphdriver/vfs.ts";
import { Images } from "../../src/image/store.ts";
import { supervision } from "../../src/jobs/container/supervision.ts";
import type { Host, Modules } from "../../src/jobs/needs.ts";
import { Layers } from "../../src/layer/store.ts";
import { Networks } from "../../src/network/store.ts";
import type { RunConfig } from "../../src/oci/image.ts";
import { References } from "../../src/reference/store.ts";
import { type Router, router } from "../../src/server/router.ts";
import { type Routed, routes } from "../../src/server/routes.ts";
import { Volumes } from "../../src/volume/store.ts";
import { FakeExecDriver } from "./drivers.ts";
import { FakeNetwork } from "./networkdriver.ts";

const host = (root: string): Host => ({
  version: "0",
  name: "test",
  id: "test",
  root,
  startedAt: new Date(),
  settings: {
    cgroupParent: "/docker",
    dns: [],
    dnsOptions: [],
    dnsSearch: [],
    logDriver: "json-file",
    logOptions: {},
    labels: [],
    debug: false,
    registryMirrors: [],
    insecureRegistries: [],
    init: false,
    defaultShmSize: 64 * 2 ** 20,
    defaultUlimits: [],
    liveRestore: false,
    shutdownTimeout: 1,
  },
});

/**
 * The whole engine above its ports: real stores on a graph in a folder of its own, a fake for what needs the kernel.
 * `busybox` is an image without layers.
 */
export class FakeEngine implements AsyncDisposable {
  readonly root = mkdtempSync(join(tmpdir(), "bk-api-"));
  readonly execdriver: FakeExecDriver;
  readonly modules: Modules;
  readonly router: Router;
  readonly #graph: GraphDB;

  private constructor(execdriver: FakeExecDriver) {
    this.execdriver = execdriver;
    const { root } = this;
    const log = new Log("fatal");
    const graph = new GraphDB(join(root, "bunker.db"));
    this.#graph = graph;
    const layers = new Layers(graph, new Vfs(join(root, "vfs")), root, log);
    const events = new Events(graph, log);
    const containers = new Containers(graph, root, log);
    const drivers = [new FakeNetwork(), new FakeNetwork("none", "null"), new FakeNetwork("host", "host")];
    const modules: Modules = {
      containers,
      supervisor: new Supervisor(
        { containers, events, execdriver, log },
        supervision(() => this.modules),
      ),
      distribution: undefined as never,
      events,
      execdriver,
      host: host(root),
      images: new Images(graph, layers),
      layers,
      log,
      networks: new Networks(graph, drivers, log),
      references: new References(graph),
      volumes: new Volumes(graph, root),
    };
    this.modules = modules;
    const engine = new Engine<Routed>(log);
    for (const job of new Set(routes.map((route) => route.job))) engine.register(job);
    engine.install({ ...modules, engine });
    this.router = router(routes, engine, "bunker/test (linux)", log);
  }

  static async start(execdriver = new FakeExecDriver()): Promise<FakeEngine> {
    const engine = new FakeEngine(execdriver);
    await engine.modules.networks.init();
    await engine.modules.networks.restore(new Set());
    engine.image("busybox", { Cmd: ["sleep"], Env: ["PATH=/bin"] });
    return engine;
  }

  /** Adds an image of that name that has no layers. */
  image(name: string, config: RunConfig): string {
    const raw = { architecture: "amd64", os: "linux", config, rootfs: { type: "layers", diff_ids: [] } };
    const image = this.modules.images.create(Buffer.from(JSON.stringify(raw)));
    this.modules.references.add(name, image.id);
    return image.id;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.modules.supervisor.stop();
    this.modules.events.flush();
    for (const process of this.execdriver.processes.values()) process.end(0);
    await Bun.sleep(0);
    this.#graph.close();
    rmSync(this.root, { recursive: true, force: true });
  }
}
