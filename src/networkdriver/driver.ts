/** One wish for a published port. `hostPort` 0: any free one; with `hostPortEnd` the first free one of the range. */
export interface PublishRequest {
  readonly proto: "tcp" | "udp" | "sctp";
  readonly containerPort: number;
  /** Empty: every address of the host. */
  readonly hostIp: string;
  readonly hostPort: number;
  readonly hostPortEnd?: number;
}

/** A port of the host that leads to a port of a container. */
export interface PublishedPort {
  readonly proto: "tcp" | "udp" | "sctp";
  readonly containerPort: number;
  /** `0.0.0.0`, `::` or one address. */
  readonly hostIp: string;
  readonly hostPort: number;
}

/** A container's place on a network, as it is. */
export interface EndpointRecord {
  /** 64-hex id. */
  readonly id: string;
  /** The network's id. */
  readonly network: string;
  /** The container's id. */
  readonly container: string;
  /** The container's name. */
  readonly name: string;
  /** 64-hex id of the network namespace it is in; the same for all endpoints of a container. */
  readonly sandbox: string;
  /** The host's end of the pair. */
  readonly link?: string;
  readonly mac?: string;
  /** IPv4 */
  readonly address?: string;
  readonly prefix?: number;
  readonly gateway?: string;
  readonly ports: readonly PublishedPort[];
}

export interface JoinRequest {
  /** The id that the new endpoint shall have. */
  readonly id: string;
  readonly network: string;
  readonly container: string;
  readonly name: string;
  readonly sandbox: string;
  readonly mac?: string;
  readonly ports: readonly PublishRequest[];
}

/** What a join gives: the endpoint, and the namespace to run in as an open descriptor (none: the host's own). */
export interface Attachment {
  readonly endpoint: EndpointRecord;
  readonly netns?: number;
}

/** What `network inspect` says of addresses and options. */
export interface NetworkFacts {
  readonly subnet?: string;
  readonly gateway?: string;
  readonly range?: string;
  readonly options: Readonly<Record<string, string>>;
}

/** The port to what connects containers; one adapter serves one network. Errors are EngineErrors in Docker's words. */
export interface NetworkDriver {
  /** The name in `network ls`. */
  readonly network: string;
  readonly type: "bridge" | "host" | "null";
  /** Known from `init` on. */
  readonly facts: NetworkFacts;
  /** Makes sure of what the network itself needs (links, addresses). Throws when the host cannot have it. */
  init(): Promise<void>;
  /**
   * Makes the kernel's state that of these endpoints, which live on from an earlier daemon, and sweeps what is not
   * theirs; from then on containers may join. Ports that meanwhile went to another process are told in the log.
   */
  restore(endpoints: readonly EndpointRecord[]): Promise<void>;
  /** A place with its ports published. On error nothing is left of it. The namespace is the caller's to close. */
  join(request: JoinRequest): Promise<Attachment>;
  /** Ports and address are free when it returns. Links go with their namespace. Called twice: nothing happens. */
  leave(endpoint: EndpointRecord): Promise<void>;
  /** Gives up what the daemon holds; with `inUse` false also removes what the driver made. */
  close(inUse: boolean): Promise<void>;
}
