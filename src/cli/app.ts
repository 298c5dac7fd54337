import type { HostOptions } from "../client/address.ts";
import { addressOf } from "../client/address.ts";
import { Client } from "../client/client.ts";
import { Transport } from "../client/transport.ts";

/** One run of the command line: what the global flags said, and the client they lead to. */
export class App {
  readonly options: HostOptions;
  readonly debug: boolean;
  #client: Client | undefined;

  constructor(options: HostOptions, debug = false) {
    this.options = options;
    this.debug = debug;
  }

  /** The host was named by flag or environment: then no daemon is started for it. */
  get hostIsNamed(): boolean {
    return Boolean(this.options.host || process.env.BUNKER_HOST || process.env.DOCKER_HOST);
  }

  get client(): Client {
    this.#client ??= new Client(
      new Transport(addressOf(this.options, process.env)),
      process.env.DOCKER_API_VERSION?.replace(/^v/, ""),
    );
    return this.#client;
  }
}
