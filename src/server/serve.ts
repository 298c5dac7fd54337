import { readFileSync } from "node:fs";
import {
  createServer,
  type Server as HttpServer,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { Duplex } from "node:stream";
import { invalid, messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { job } from "../engine/job.ts";
import { type Address, formatAddress } from "./address.ts";
import { respond } from "./connection.ts";
import { open } from "./listen.ts";
import type { Router } from "./router.ts";
import { upgrade } from "./upgrade.ts";

/** Paths of PEM files. With `verify` a client must show a certificate that `ca` has signed. */
export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
  readonly verify: boolean;
}

export interface ServeInput {
  readonly hosts: readonly Address[];
  /** Of unix sockets, by name or number. */
  readonly group: string;
  /** For tcp. */
  readonly tls?: TlsFiles;
}

/** What job `serveapi` needs beside its input. */
export interface Serving {
  readonly server: Server;
}

/** Docker Server: accepts connections from the first moment on, answers when `accept` was called. */
export class Server {
  readonly #router: Router;
  readonly #log: Log;
  readonly #gate = Promise.withResolvers<void>();
  readonly #closers: (() => Promise<void>)[] = [];
  #accepting = false;
  #active = 0;
  #changed = performance.now();

  constructor(router: Router, log: Log) {
    this.#router = router;
    this.#log = log;
  }

  /** Requests in work, open streams and hijacked connections among them. */
  get active(): number {
    return this.#active;
  }

  /** How long ago a request last began or ended. milliseconds */
  get quietFor(): number {
    return performance.now() - this.#changed;
  }

  /** Listens. Throws when one address cannot be had; those before it are closed again. */
  async listen({ hosts, group, tls }: ServeInput): Promise<void> {
    try {
      for (const address of hosts) {
        const http = this.#http(address.kind === "tcp" ? tls : undefined);
        this.#closers.push(await open(http, address, group, this.#log));
        this.#log.info(`API listen on ${formatAddress(address)}`);
        if (address.kind === "tcp" && !tls?.verify) this.#warn(address);
      }
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** Lets the requests through that have been waiting for the daemon to load. */
  accept(): void {
    this.#accepting = true;
    this.#gate.resolve();
  }

  /** Closes sockets and connections. */
  async close(): Promise<void> {
    await Promise.all(this.#closers.splice(0).map((closer) => closer()));
  }

  #http(tls: TlsFiles | undefined): HttpServer {
    const http = tls ? createTlsServer(pems(tls)) : createServer();
    http.requestTimeout = 0;
    http.headersTimeout = 0;
    http.timeout = 0;
    http.keepAliveTimeout = 0;
    http.on("request", (request, response) => void this.#request(request, response));
    http.on("upgrade", (request, socket) => void this.#upgrade(request, socket));
    return http as HttpServer;
  }

  async #request(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on("error", () => {});
    await this.#counted(() => respond(this.#router, request, response, this.#log));
  }

  async #upgrade(request: IncomingMessage, socket: Duplex): Promise<void> {
    socket.on("error", () => socket.destroy());
    await this.#counted(() => upgrade(this.#router, request, socket, this.#log));
  }

  /** A handler that rejects would end the process: nothing gets out of here. */
  async #counted(work: () => Promise<void>): Promise<void> {
    this.#active++;
    this.#changed = performance.now();
    try {
      if (!this.#accepting) await this.#gate.promise;
      await work();
    } catch (error) {
      this.#log.error("a connection failed", { error: messageOf(error) });
    } finally {
      this.#active--;
      this.#changed = performance.now();
    }
  }

  #warn(address: Address): void {
    this.#log.warn(
      `the API on ${formatAddress(address)} is open without client certificates: whoever reaches it is root on this host (use --tlsverify)`,
    );
  }
}

function pems({ cert, key, ca, verify }: TlsFiles) {
  const read = (path: string, what: string): Buffer => {
    try {
      return readFileSync(path);
    } catch (error) {
      throw invalid(`could not load the ${what} ${path}: ${messageOf(error)}`, error);
    }
  };
  const own = { cert: read(cert, "TLS certificate"), key: read(key, "TLS key") };
  return verify
    ? { ...own, ca: read(ca, "CA certificate"), requestCert: true, rejectUnauthorized: true }
    : own;
}

/** Listens on every address; resolves when all accept connections. */
export const serveapi = job("serveapi", async (m: Serving, input: ServeInput): Promise<void> => {
  await m.server.listen(input);
});

/** The daemon is loaded: requests that were waiting are answered. */
export const acceptconnections = job("acceptconnections", async (m: Serving): Promise<void> => {
  m.server.accept();
});
