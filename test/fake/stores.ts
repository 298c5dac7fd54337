import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Log } from "../../src/base/log.ts";
import { GraphDB } from "../../src/graph/graphdb.ts";
import type { GraphDriver } from "../../src/graphdriver/driver.ts";
import { Vfs } from "../../src/graphdriver/vfs.ts";
import { Images } from "../../src/image/store.ts";
import { Layers } from "../../src/layer/store.ts";
import { References } from "../../src/reference/store.ts";

/** Real stores in a folder of their own, on vfs, which needs nothing of the kernel. */
export class Stores implements AsyncDisposable {
  readonly root = mkdtempSync(join(tmpdir(), "bk-stores-"));
  readonly log = new Log("fatal");
  readonly graph: GraphDB;
  readonly layers: Layers;
  readonly images: Images;
  readonly references: References;

  constructor(
    driver: (root: string) => GraphDriver = (root) => new Vfs(join(root, "vfs")),
    builtin?: () => Uint8Array,
  ) {
    this.graph = new GraphDB(join(this.root, "bunker.db"));
    this.layers = new Layers(this.graph, driver(this.root), this.root, this.log);
    this.images = new Images(this.graph, this.layers, builtin);
    this.references = new References(this.graph);
  }

  /** The folders of layers that are on disk. */
  folders(): string[] {
    const home = join(this.root, this.layers.driverName);
    return readdirSync(home).filter((name) => name !== "trash" && name !== "init");
  }

  /** What is on its way. */
  spooled(): string[] {
    return readdirSync(this.layers.spoolFolder);
  }

  /** A row of the table `containers`, so that a layer of that name is no orphan. */
  container(id: string): void {
    this.graph.addEntity(id, id);
    this.graph.run("INSERT INTO containers VALUES (?, '', 0, '{}', '{}')", id);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.layers.idle();
    this.graph.close();
    rmSync(this.root, { recursive: true, force: true });
  }
}
