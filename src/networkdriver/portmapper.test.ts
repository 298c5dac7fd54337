import { afterEach, expect, test } from "bun:test";
import { PortMapper } from "./portmapper.ts";

const ADDRESS = "127.0.0.1";
const mappers: PortMapper[] = [];
afterEach(() => {
  for (const mapper of mappers.splice(0)) mapper.close();
});

function mapper(options: { hostIp?: string; proxy?: boolean } = {}): PortMapper {
  const made = new PortMapper({ hostIp: "0.0.0.0", proxy: true, led: false, ...options });
  mappers.push(made);
  return made;
}

const tcp = (hostPort: number, hostIp = "127.0.0.1", containerPort = 80) =>
  ({ proto: "tcp", containerPort, hostIp, hostPort }) as const;

/** A port that is free now: nobody else in this process asks. */
function freePort(): number {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  listener.stop(true);
  return listener.port;
}

test("without an address a port is published at all of IPv4 and of IPv6; without a proxy at IPv4", () => {
  const port = freePort();
  const both = mapper().map([tcp(port, "")], ADDRESS);
  expect(both.map(({ hostIp }) => hostIp)).toEqual(["0.0.0.0", "::"]);
  mappers[0]!.release(both);
  expect(mapper({ proxy: false }).map([tcp(port, "")], ADDRESS)).toEqual([tcp(port, "0.0.0.0")]);
});

test("--ip is the address of ports that name none", () => {
  const port = freePort();
  expect(mapper({ hostIp: "127.0.0.1" }).map([tcp(port, "")], ADDRESS)).toEqual([tcp(port)]);
});

test("a port that a container has is refused, at every address where it would be the same one", () => {
  const one = mapper();
  const port = freePort();
  const words = (ip: string) => `Bind for ${ip}:${port} failed: port is already allocated`;
  one.map([tcp(port)], ADDRESS);
  expect(() => one.map([tcp(port)], ADDRESS)).toThrow(words("127.0.0.1"));
  expect(() => one.map([tcp(port, "0.0.0.0")], ADDRESS)).toThrow(words("127.0.0.1"));
  expect(one.map([tcp(port, "127.0.0.2")], ADDRESS)).toHaveLength(1);
  expect(one.map([{ ...tcp(port), proto: "udp" }], ADDRESS)).toHaveLength(1);
});

test("a port that a process has is refused, and what was taken before it is given back", () => {
  const one = mapper();
  const port = freePort();
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  expect(() => one.map([tcp(port), tcp(listener.port)], ADDRESS)).toThrow(
    `failed to bind host port for 127.0.0.1:${listener.port}:127.0.0.1:80/tcp: address already in use`,
  );
  listener.stop(true);
  expect(one.map([tcp(port), tcp(listener.port)], ADDRESS)).toHaveLength(2);
});

test("a range gives its first free port; no port any of the kernel's range, each time another", () => {
  const one = mapper();
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const range = { ...tcp(listener.port), hostPortEnd: listener.port + 20 };
  const [first] = one.map([range], ADDRESS);
  expect(first!.hostPort).toBeGreaterThan(listener.port);
  listener.stop(true);
  const ports = one.map([tcp(0), tcp(0)], ADDRESS).map(({ hostPort }) => hostPort);
  expect(new Set(ports).size).toBe(2);
});

test("what does not come by the kernel's DNAT is served: bytes both ways, each side's end on its own", async () => {
  const server = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    allowHalfOpen: true,
    socket: {
      data: (socket, chunk) => void socket.write(chunk),
      end: (socket) => void socket.end("bye"),
    },
  });
  const port = freePort();
  mapper().map([tcp(port, "127.0.0.1", server.port)], ADDRESS);
  const { promise, resolve } = Promise.withResolvers<string>();
  let heard = "";
  const client = await Bun.connect({
    hostname: "127.0.0.1",
    port,
    allowHalfOpen: true,
    socket: {
      data: (_, chunk) => {
        heard += chunk.toString();
      },
      close: (_, error) => resolve(error ? String(error) : heard),
    },
  });
  client.write("hello ");
  client.shutdown();
  expect(await promise).toBe("hello bye");
  client.end();
  server.stop(true);
});

test("datagrams find their way to the container and back", async () => {
  const server = await Bun.udpSocket({
    hostname: "127.0.0.1",
    port: 0,
    socket: { data: (socket, datagram, port, address) => void socket.send(`<${datagram}>`, port, address) },
  });
  const port = freePort();
  mapper().map([{ ...tcp(port, "127.0.0.1", server.port), proto: "udp" }], ADDRESS);
  const { promise, resolve } = Promise.withResolvers<string>();
  const client = await Bun.udpSocket({
    connect: { hostname: "127.0.0.1", port },
    socket: { data: (_, datagram) => resolve(datagram.toString()) },
  });
  client.send("hello");
  expect(await promise).toBe("<hello>");
  client.close();
  server.close();
});
