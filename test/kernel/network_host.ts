/**
 * The programs of network.test.ts, each run in a network namespace of its own by nsenter(1):
 * `host FOLDER OPTIONS` is a daemon's networks alone, and does what its standard input says, a JSON line each;
 * `serve PORT…` answers on TCP with the address it was called from, on UDP with that and its port; `ask PROTO HOST PORT [PATIENCE]` prints such an answer;
 * `call HOST PORT` is a UDP client that never stops sending, and prints each answer that is another than the one before.
 */
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Log } from "../../src/base/log.ts";
import { GraphDB } from "../../src/graph/graphdb.ts";
import { type JoinInput, Networks } from "../../src/network/store.ts";
import { BridgeDriver, type BridgeOptions } from "../../src/networkdriver/bridge.ts";
import { HostDriver, NullDriver } from "../../src/networkdriver/fixed.ts";
import { Namespaces } from "../../src/networkdriver/namespaces.ts";

export type Command =
  | { readonly do: "restore"; readonly running: readonly string[] }
  | { readonly do: "join"; readonly input: JoinInput }
  | { readonly do: "leave"; readonly container: string }
  | { readonly do: "settings"; readonly container: string }
  | { readonly do: "inspect"; readonly network: string }
  | { readonly do: "check" }
  | { readonly do: "times"; readonly count: number }
  | { readonly do: "close" };

/** How long an answer is waited for, where it is not said. milliseconds */
const PATIENCE = 10_000;

async function host(folder: string, options: BridgeOptions): Promise<void> {
  const log = new Log("debug");
  const namespaces = new Namespaces();
  const bridge = new BridgeDriver(options, namespaces, log);
  const graph = new GraphDB(join(folder, "bunker.db"));
  const networks = new Networks(graph, [bridge, new HostDriver(), new NullDriver(namespaces)], log);
  try {
    await networks.init();
  } catch (error) {
    console.log(JSON.stringify({ error: (error as Error).message }));
    process.exit(1);
  }
  const act = async (command: Command): Promise<unknown> => {
    switch (command.do) {
      case "restore":
        return networks.restore(new Set(command.running));
      case "join": {
        const { netns, endpoint } = await networks.join(command.input);
        return { netns, endpoint };
      }
      case "leave":
        return networks.leave(command.container);
      case "settings":
        return networks.settings(command.container);
      case "inspect":
        return networks.inspect(command.network);
      case "check":
        return bridge.check();
      case "times":
        return times(networks, command.count);
      case "close":
        await networks.close();
        graph.close();
        process.exit(0);
    }
  };
  console.log(JSON.stringify({ value: "ready" }));
  for await (const line of createInterface({ input: process.stdin })) {
    try {
      console.log(JSON.stringify({ value: (await act(JSON.parse(line) as Command)) ?? null }));
    } catch (error) {
      console.log(JSON.stringify({ error: (error as Error).message }));
    }
  }
}

/** Medians in microseconds, with a pause for the pool to fill between two rounds. */
async function times(networks: Networks, count: number): Promise<Record<string, number>> {
  const taken: Record<string, number[]> = {};
  const timed = async <T>(what: string, body: () => Promise<T>): Promise<T> => {
    const before = performance.now();
    const value = await body();
    taken[what] ??= [];
    taken[what].push((performance.now() - before) * 1000);
    return value;
  };
  const port = { proto: "tcp", containerPort: 80, hostIp: "", hostPort: 30000 } as const;
  const kinds = { bridge: [], none: [], host: [], "bridge with a port": [port] } as const;
  for (let round = 0; round < count; round++) {
    for (const [what, ports] of Object.entries(kinds)) {
      const mode = what.split(" ")[0]!;
      const input = { container: `t${round}`, name: "t", hostname: "t", mode, ports };
      const sandbox = await timed(`join ${what}`, () => networks.join(input));
      await timed(`leave ${what}`, () => networks.leave(input.container));
      sandbox.close();
      await Bun.sleep(8);
    }
  }
  return Object.fromEntries(
    Object.entries(taken).map(([what, all]) => [
      what,
      Math.round(all.toSorted((a, b) => a - b)[all.length >> 1]!),
    ]),
  );
}

async function serve(ports: readonly number[]): Promise<void> {
  for (const port of ports) {
    Bun.listen({
      hostname: "0.0.0.0",
      port,
      socket: { open: (socket) => void socket.end(socket.remoteAddress), data() {} },
    });
    await Bun.udpSocket({
      hostname: "0.0.0.0",
      port,
      socket: {
        data: (socket, _, from, address) => void socket.send(`${address} at ${port}`, from, address),
      },
    });
  }
  console.log("serving");
}

async function ask(proto: string, hostname: string, port: number, patience: number): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  setTimeout(resolve, patience, "silence");
  if (proto === "udp") {
    const socket = await Bun.udpSocket({
      hostname: hostname.includes(":") ? "::" : "0.0.0.0",
      connect: { hostname, port },
      socket: { data: (_, answer) => resolve(answer.toString()), error: (error) => resolve(String(error)) },
    });
    socket.send("hello");
  } else {
    Bun.connect({
      hostname,
      port,
      socket: { data: (_, answer) => resolve(answer.toString()), close: () => resolve("closed") },
    }).catch((error: { code?: string }) => resolve(error.code ?? String(error)));
  }
  return promise;
}

/** One UDP client that never stops sending, from one port: prints each new answer. */
async function call(hostname: string, port: number): Promise<void> {
  let last = "";
  const socket = await Bun.udpSocket({
    socket: {
      data(_, answer) {
        if (last !== answer.toString()) console.log(answer.toString());
        last = answer.toString();
      },
      error() {}, // nobody is there yet
    },
  });
  setInterval(() => socket.send("hello", port, hostname), 20);
}

if (import.meta.main) {
  const [verb, ...rest] = process.argv.slice(2);
  if (verb === "host") await host(rest[0]!, JSON.parse(rest[1]!) as BridgeOptions);
  if (verb === "call") await call(rest[0]!, Number(rest[1]));
  if (verb === "serve") await serve(rest.map(Number));
  if (verb === "ask") {
    console.log(await ask(rest[0]!, rest[1]!, Number(rest[2]), Number(rest[3] ?? PATIENCE)));
    process.exit(0);
  }
}
