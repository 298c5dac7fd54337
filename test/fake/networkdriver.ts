import type {
  Attachment,
  EndpointRecord,
  JoinRequest,
  NetworkDriver,
} from "../../src/networkdriver/driver.ts";

/** A bridge without a kernel: addresses are counted up, ports are given as asked. */
export class FakeNetwork implements NetworkDriver {
  readonly network: string;
  readonly type: NetworkDriver["type"];
  readonly facts = { subnet: "10.9.0.0/16", gateway: "10.9.0.1", options: {} };
  readonly joined = new Map<string, EndpointRecord>();
  #next = 2;

  constructor(network = "bridge", type: NetworkDriver["type"] = "bridge") {
    this.network = network;
    this.type = type;
  }

  async init(): Promise<void> {}
  async restore(): Promise<void> {}

  async join(request: JoinRequest): Promise<Attachment> {
    const { id, network, container, name, sandbox, ports } = request;
    const published = ports.map(({ hostPortEnd: _, ...port }) => ({
      ...port,
      hostIp: port.hostIp || "0.0.0.0",
      hostPort: port.hostPort || 32768,
    }));
    const own = { id, network, container, name, sandbox, ports: published };
    const endpoint = { ...own, address: `10.9.0.${this.#next++}`, prefix: 16, gateway: "10.9.0.1" };
    this.joined.set(id, endpoint);
    return { endpoint };
  }

  async leave(endpoint: EndpointRecord): Promise<void> {
    this.joined.delete(endpoint.id);
  }

  async close(): Promise<void> {}
}
