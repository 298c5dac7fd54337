import { closeSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import type { EndpointRecord, JoinInput } from "../../src/network/store.ts";
import type { BridgeOptions } from "../../src/networkdriver/bridge.ts";
import { Iptables } from "../../src/sys/iptables.ts";
import { AF_NETLINK, NETLINK_NETFILTER, SOCK_RAW } from "../../src/sys/netlink.ts";
import { newNetns, socketIn } from "../../src/sys/netns.ts";
import { Rtnetlink } from "../../src/sys/rtnetlink.ts";
import type { Command } from "./network_host.ts";

const PROGRAM = join(import.meta.dir, "network_host.ts");
const LO = 1;

export const OPTIONS: BridgeOptions = {
  name: "bnktest0",
  foreign: false,
  bip: "10.88.0.1/24",
  mtu: 1500,
  icc: true,
  ipMasq: true,
  ipForward: true,
  iptables: true,
  userlandProxy: true,
  hostIp: "0.0.0.0",
  ready: 2,
};

/** Where a program runs: a file that nsenter(1) takes. */
export type Place = string;

/** A host of our own in one network namespace, and another host, outside, on a wire to it in another. */
export class Lab implements AsyncDisposable {
  static readonly HOST = "10.88.200.1";
  static readonly OUTSIDE = "10.88.200.2";
  readonly folder = mkdtempSync(join(tmpdir(), "bunker-network-"));
  readonly host: Place;
  readonly outside: Place;
  readonly #fds: number[] = [];
  readonly #children: Bun.Subprocess[] = [];
  readonly #inHost?: Rtnetlink;

  /** Makes its own host and wire, or starts a second daemon's on a host that is there. */
  constructor(host?: Place) {
    if (host !== undefined) {
      this.host = host;
      this.outside = host;
      return;
    }
    const inside = newNetns();
    const outside = newNetns();
    this.#fds.push(inside.netns, outside.netns);
    this.host = `/proc/${process.pid}/fd/${inside.netns}`;
    this.outside = `/proc/${process.pid}/fd/${outside.netns}`;
    this.#inHost = new Rtnetlink(inside.route);
    const peer = { name: "eth0", mac: "02:00:00:00:00:02", netns: outside.netns };
    this.#inHost.addVeth({ name: "wire", mtu: 1500, master: 0, peer });
    this.#inHost.setUp(LO);
    this.#inHost.addAddress(this.#inHost.link("wire")!.index, 0x0a58c801, 24);
    const far = new Rtnetlink(outside.route);
    const eth0 = far.link("eth0")!.index;
    far.setUp(LO);
    far.addAddress(eth0, 0x0a58c802, 24);
    far.setUp(eth0);
    far.addDefaultRoute(eth0, 0x0a58c801);
    far.close();
  }

  links(): string[] {
    return this.#inHost!.links().map(({ name }) => name);
  }

  /** Runs a command in a namespace to its end. */
  run(place: Place, ...command: string[]): string {
    const { stdout, stderr } = Bun.spawnSync(["nsenter", `--net=${place}`, ...command]);
    return (stdout.toString() + stderr.toString()).trim();
  }

  /** What a server answers that is called from `place`: the address that it saw, or the error. */
  ask(place: Place, proto: "tcp" | "udp", host: string, port: number): string {
    return this.run(place, process.execPath, PROGRAM, "ask", proto, host, String(port));
  }

  /** Nobody answers, and nobody refuses, for a while. */
  isSilent(place: Place, host: string, port: number): boolean {
    return this.run(place, process.execPath, PROGRAM, "ask", "tcp", host, String(port), "600") === "silence";
  }

  /** The firewall of the host, for what others than bunker do to it. */
  iptables(): Iptables {
    return new Iptables(socketIn(this.#fds[0]!, AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER));
  }

  /** A server in a namespace, which keeps it alive as a container's process does. */
  async serve(place: Place, ...ports: number[]): Promise<Bun.Subprocess> {
    const child = this.#spawn(place, "serve", ...ports.map(String));
    for await (const line of createInterface({ input: textOf(child) })) if (line === "serving") break;
    return child;
  }

  /** The answers that a client gets, each time they change, who never stops sending from one UDP port. */
  async *call(place: Place, host: string, port: number): AsyncGenerator<string> {
    yield* createInterface({ input: textOf(this.#spawn(place, "call", host, String(port))) });
  }

  /** A daemon's networks on this host. */
  async daemon(options: Partial<BridgeOptions> = {}, running: readonly string[] = []): Promise<Daemon> {
    const child = this.#spawn(this.host, "host", this.folder, JSON.stringify({ ...OPTIONS, ...options }));
    const daemon = new Daemon(child);
    await daemon.ready;
    await daemon.send({ do: "restore", running });
    return daemon;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) {
      child.kill("SIGKILL");
      await child.exited;
    }
    this.#inHost?.close();
    for (const fd of this.#fds) closeSync(fd);
    rmSync(this.folder, { recursive: true });
  }

  #spawn(place: Place, ...args: string[]): Bun.Subprocess<"pipe", "pipe", "inherit"> {
    const command = ["nsenter", `--net=${place}`, process.execPath, PROGRAM, ...args];
    const child = Bun.spawn(command, {
      stdin: "pipe",
      stdout: "pipe",
      stderr: process.env.LAB_LOG ? "inherit" : "ignore",
    });
    this.#children.push(child);
    return child as Bun.Subprocess<"pipe", "pipe", "inherit">;
  }
}

export interface Joined {
  readonly endpoint: EndpointRecord;
  readonly place: Place;
}

export class Daemon {
  readonly ready: Promise<unknown>;
  readonly #child: Bun.Subprocess<"pipe", "pipe", "inherit">;
  readonly #waiting: PromiseWithResolvers<unknown>[] = [];

  constructor(child: Bun.Subprocess<"pipe", "pipe", "inherit">) {
    this.#child = child;
    this.ready = this.#answer();
    createInterface({ input: textOf(child) }).on("line", (line) => {
      const { value, error } = JSON.parse(line) as { value?: unknown; error?: string };
      const asked = this.#waiting.shift();
      if (error === undefined) asked?.resolve(value);
      else asked?.reject(new Error(error));
    });
  }

  send(command: Command): Promise<unknown> {
    const answer = this.#answer();
    this.#child.stdin.write(`${JSON.stringify(command)}\n`);
    this.#child.stdin.flush();
    return answer;
  }

  async join(container: string, more: Partial<JoinInput> = {}): Promise<Joined> {
    const input = { container, name: container, hostname: container, mode: "bridge", ports: [], ...more };
    const { endpoint, netns } = (await this.send({ do: "join", input })) as {
      endpoint: EndpointRecord;
      netns: number;
    };
    return { endpoint, place: `/proc/${this.#child.pid}/fd/${netns}` };
  }

  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#child.exited;
  }

  async close(): Promise<void> {
    void this.send({ do: "close" }).catch(() => {});
    await this.#child.exited;
  }

  #answer(): Promise<unknown> {
    const waiting = Promise.withResolvers<unknown>();
    this.#waiting.push(waiting);
    return waiting.promise;
  }
}

const textOf = (child: Bun.Subprocess): NodeJS.ReadableStream => Readable.fromWeb(child.stdout as never);
