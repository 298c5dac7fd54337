import { openSync } from "node:fs";
import type { Attachment, EndpointRecord, JoinRequest, NetworkDriver, NetworkFacts } from "./driver.ts";
import type { Namespaces } from "./namespaces.ts";
import { Ready } from "./ready.ts";

const NO_FACTS: NetworkFacts = { options: {} };

const endpointOf = ({ ports: _, mac: __, ...request }: JoinRequest): EndpointRecord => ({
  ...request,
  ports: [],
});

/** `--network host`: the host's own namespace. Published ports mean nothing there, as in Docker. */
export class HostDriver implements NetworkDriver {
  readonly network = "host";
  readonly type = "host";
  readonly facts = NO_FACTS;

  async init(): Promise<void> {}
  async restore(): Promise<void> {}
  async join(request: JoinRequest): Promise<Attachment> {
    return { endpoint: endpointOf(request) };
  }
  async leave(): Promise<void> {}
  async close(): Promise<void> {}
}

/** `--network none`: a namespace with nothing but `lo`, which is up. Some are kept ready. */
export class NullDriver implements NetworkDriver {
  readonly network = "none";
  readonly type = "null";
  readonly facts = NO_FACTS;
  readonly #ready: Ready<{ readonly netns: number }>;

  constructor(namespaces: Namespaces, ready = 2) {
    this.#ready = new Ready(ready, async () => ({ netns: await namespaces.make({}) }));
  }

  async init(): Promise<void> {}
  async restore(): Promise<void> {
    this.#ready.open();
  }
  async join(request: JoinRequest): Promise<Attachment> {
    const { netns } = await this.#ready.take();
    return { endpoint: endpointOf(request), netns };
  }
  async leave(): Promise<void> {}
  async close(): Promise<void> {
    this.#ready.close();
  }
}

/** `--network container:ID`: the namespace of a process that runs. */
export const netnsOf = (pid: number): number => openSync(`/proc/${pid}/ns/net`, "r");
