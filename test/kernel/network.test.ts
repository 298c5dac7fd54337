import { expect, setDefaultTimeout, test } from "bun:test";
import { Batch } from "../../src/sys/iptables.ts";
import { until } from "../daemon.ts";
import { type Joined, Lab } from "./network_lab.ts";

setDefaultTimeout(120_000);

const port = (hostPort: number, containerPort = 80, hostIp = "", proto: "tcp" | "udp" = "tcp") => ({
  proto,
  containerPort,
  hostIp,
  hostPort,
});

/** What a bridge does with packets between two of its ports: they pass the firewall (br_netfilter), or not. */
const BRIDGED = [
  ["bridged packets filtered", "1"],
  ["bridged packets not filtered", "0"],
] as const;

function filterBridged(lab: Lab, filter: string): void {
  const path = "/proc/sys/net/bridge/bridge-nf-call-iptables";
  lab.run(lab.host, "sh", "-c", `test ! -e ${path} || echo ${filter} > ${path}`);
}

/** A host with one container, which serves on 80 and publishes it at 8080. */
async function published(lab: Lab, options: Parameters<Lab["daemon"]>[0] = {}) {
  const daemon = await lab.daemon(options);
  const ports = [port(8080), port(8080, 80, "", "udp"), port(8081, 81, "127.0.0.1")];
  const web = await daemon.join("web", { ports });
  const server = await lab.serve(web.place, 80, 81);
  return { daemon, web, server };
}

test("a published port is reached from another host, over TCP and UDP, and the source address is kept", async () => {
  await using lab = new Lab();
  await published(lab);
  expect(lab.ask(lab.outside, "tcp", Lab.HOST, 8080)).toBe(Lab.OUTSIDE);
  expect(lab.ask(lab.outside, "udp", Lab.HOST, 8080)).toBe(`${Lab.OUTSIDE} at 80`);
});

test("a published port is reached from the host itself, by 127.0.0.1, its own address and ::1", async () => {
  await using lab = new Lab();
  await published(lab);
  expect(lab.ask(lab.host, "tcp", "127.0.0.1", 8080)).toBe("10.88.0.1");
  expect(lab.ask(lab.host, "udp", "127.0.0.1", 8080)).toBe("10.88.0.1 at 80");
  expect(lab.ask(lab.host, "tcp", "127.0.0.1", 8081)).toBe("10.88.0.1");
  expect(lab.ask(lab.host, "tcp", Lab.HOST, 8080)).toBe(Lab.HOST);
  expect(lab.ask(lab.host, "tcp", "::1", 8080)).toBe("10.88.0.1");
  expect(lab.ask(lab.host, "udp", "::1", 8080)).toBe("10.88.0.1 at 80");
});

test.each(BRIDGED)(
  "a container reaches published ports of the host: another's, and its own (%s)",
  async (_, filter) => {
    await using lab = new Lab();
    filterBridged(lab, filter);
    const { daemon, web } = await published(lab);
    const other = await daemon.join("other");
    for (const { place } of [web, other]) {
      expect(lab.ask(place, "tcp", Lab.HOST, 8080)).toBe("10.88.0.1");
      expect(lab.ask(place, "tcp", "10.88.0.1", 8080)).toBe("10.88.0.1");
    }
  },
);

test("what is not published is not reached from outside, though the way to the container is known there", async () => {
  await using lab = new Lab();
  const { web } = await published(lab);
  expect(lab.isSilent(lab.outside, web.endpoint.address!, 80)).toBe(true);
  expect(lab.ask(lab.outside, "tcp", Lab.HOST, 8081)).toBe("ECONNREFUSED");
  expect(lab.ask(lab.host, "tcp", web.endpoint.address!, 80)).toBe("10.88.0.1");
});

test("a container does not reach what the host has on 127.0.0.1", async () => {
  await using lab = new Lab();
  const { web } = await published(lab);
  await lab.serve(lab.host, 7000);
  lab.run(web.place, "busybox", "ip", "addr", "del", "127.0.0.1/8", "dev", "lo");
  lab.run(web.place, "busybox", "ip", "route", "add", "127.0.0.1/32", "via", "10.88.0.1");
  lab.run(web.place, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/conf/all/route_localnet");
  expect(lab.run(web.place, "busybox", "ip", "route", "get", "127.0.0.1")).toContain("dev eth0");
  expect(lab.isSilent(web.place, "127.0.0.1", 7000)).toBe(true);
  expect(lab.ask(web.place, "tcp", "10.88.0.1", 7000)).toBe("10.88.0.2");
});

test("a container goes out under the host's address, and talks to its neighbours under its own", async () => {
  await using lab = new Lab();
  const { daemon, web } = await published(lab);
  const other = await daemon.join("other");
  await lab.serve(lab.outside, 99);
  expect(lab.ask(other.place, "tcp", Lab.OUTSIDE, 99)).toBe(Lab.HOST);
  expect(lab.ask(other.place, "udp", Lab.OUTSIDE, 99)).toBe(`${Lab.HOST} at 99`);
  expect(lab.ask(other.place, "tcp", web.endpoint.address!, 80)).toBe(other.endpoint.address!);
});

test.each(BRIDGED)(
  "--icc=false: neighbours do not reach each other, published ports they do (%s)",
  async (_, filter) => {
    await using lab = new Lab();
    filterBridged(lab, filter);
    const { daemon, web } = await published(lab, { icc: false });
    const other = await daemon.join("other");
    await lab.serve(lab.outside, 99);
    expect(lab.isSilent(other.place, web.endpoint.address!, 80)).toBe(true);
    expect(lab.ask(other.place, "tcp", Lab.HOST, 8080)).toBe("10.88.0.1");
    expect(lab.ask(other.place, "tcp", Lab.OUTSIDE, 99)).toBe(Lab.HOST);
  },
);

test("a port that is taken is refused in Docker's words, and nothing is left of the attempt", async () => {
  await using lab = new Lab();
  const { daemon } = await published(lab);
  const refused = (hostPort: number, hostIp = "") =>
    daemon.join("late", { ports: [port(9999), port(hostPort, 80, hostIp)] });
  await expect(refused(8080)).rejects.toThrow("Bind for :::8080 failed: port is already allocated");
  await expect(refused(8080, "0.0.0.0")).rejects.toThrow(
    "Bind for 0.0.0.0:8080 failed: port is already allocated",
  );
  await expect(refused(8081)).rejects.toThrow("Bind for 127.0.0.1:8081 failed: port is already allocated");
  await lab.serve(lab.host, 7001);
  await expect(refused(7001)).rejects.toThrow(
    /failed to bind host port for 0\.0\.0\.0:7001:10\.88\.0\.\d+:80\/tcp: address already in use/,
  );
  await expect(refused(7002, "10.9.9.9")).rejects.toThrow("cannot assign requested address");
  const late = await daemon.join("late", { ports: [port(9999)] });
  expect(late.endpoint.ports.map(({ hostIp }) => hostIp)).toEqual(["0.0.0.0", "::"]);
});

test("a host process cannot take a published port, and can when the container has left", async () => {
  await using lab = new Lab();
  const { daemon } = await published(lab);
  const listen = () =>
    lab.run(
      lab.host,
      process.execPath,
      "-e",
      "Bun.listen({hostname:'0.0.0.0',port:8080,socket:{data(){}}}).stop()",
    );
  expect(listen()).toContain("EADDRINUSE");
  await daemon.send({ do: "leave", container: "web" });
  expect(listen()).toBe("");
});

test("a range gives its first free port, no port any free one", async () => {
  await using lab = new Lab();
  const { daemon } = await published(lab);
  const ranged = { ...port(8080), hostPortEnd: 8082 };
  const first = await daemon.join("first", { ports: [ranged, port(0)] });
  const [range, , dynamic] = first.endpoint.ports;
  expect(range!.hostPort).toBe(8081 + 1); // 8081 is web's at 127.0.0.1
  expect(dynamic!.hostPort).toBeGreaterThanOrEqual(32768);
  await expect(daemon.join("second", { ports: [ranged] })).rejects.toThrow("all ports are allocated");
});

test("--network none has lo and nothing else, host the host's own namespace", async () => {
  await using lab = new Lab();
  const daemon = await lab.daemon();
  const none = await daemon.join("lonely", { mode: "none" });
  expect(lab.run(none.place, "cat", "/proc/net/dev").match(/^ *\w+:/gm)).toEqual(["    lo:"]);
  const server = await lab.serve(none.place, 80);
  expect(lab.ask(none.place, "tcp", "127.0.0.1", 80)).toBe("127.0.0.1");
  expect(lab.ask(none.place, "tcp", Lab.HOST, 80)).toMatch(/ENETUNREACH|EADDRNOTAVAIL|ECONNREFUSED/);
  const joined = (await daemon.send({
    do: "join",
    input: {
      container: "x",
      name: "x",
      hostname: "x",
      mode: "container:lonely",
      ports: [],
      target: { pid: server.pid },
    },
  })) as Joined & { netns: number };
  expect(joined.netns).toBeGreaterThan(2);
  const host = (await daemon.send({
    do: "join",
    input: { container: "h", name: "h", hostname: "h", mode: "host", ports: [] },
  })) as { netns?: number };
  expect(host.netns).toBeUndefined();
  await expect(daemon.join("y", { mode: "nonet" })).rejects.toThrow("network nonet not found");
});

test("a daemon killed with kill -9: running containers keep address and ports, what was others' is swept", async () => {
  await using lab = new Lab();
  const first = await published(lab);
  await first.daemon.join("gone", { ports: [port(9090)] });
  await first.daemon.kill();
  expect(lab.ask(lab.outside, "tcp", Lab.HOST, 8080)).toBe(Lab.OUTSIDE);

  const daemon = await lab.daemon({}, ["web"]);
  const { networks, ports } = (await daemon.send({ do: "settings", container: "web" })) as {
    networks: { bridge: { IPAddress: string } };
    ports: Record<string, { HostIp: string; HostPort: string }[]>;
  };
  expect(networks.bridge.IPAddress).toBe(first.web.endpoint.address!);
  expect(ports["80/tcp"]).toEqual([
    { HostIp: "0.0.0.0", HostPort: "8080" },
    { HostIp: "::", HostPort: "8080" },
  ]);
  expect(lab.ask(lab.outside, "tcp", Lab.HOST, 8080)).toBe(Lab.OUTSIDE);
  expect(lab.ask(lab.host, "tcp", "::1", 8080)).toBe("10.88.0.1");
  await expect(daemon.join("late", { ports: [port(8080)] })).rejects.toThrow("port is already allocated");
  const late = await daemon.join("late", { ports: [port(9090)] });
  expect(late.endpoint.address).not.toBe(first.web.endpoint.address!);
  await daemon.send({ do: "leave", container: "late" });
  await daemon.send({ do: "leave", container: "web" });
  await daemon.close();
  first.server.kill("SIGKILL");
  await until("links are gone", () => lab.links().join() === "lo,wire");
  const kernel = lab.iptables();
  expect(kernel.tables()).toEqual([]);
  kernel.close();
});

test("a clean end leaves nothing; with containers it leaves them their network", async () => {
  await using lab = new Lab();
  const { daemon, server } = await published(lab);
  await daemon.close();
  expect(lab.ask(lab.outside, "tcp", Lab.HOST, 8080)).toBe(Lab.OUTSIDE);
  server.kill("SIGKILL");
  const next = await lab.daemon();
  await next.close();
  await until("links are gone", () => lab.links().join() === "lo,wire");
});

test("beside a Docker, which drops what it does not forward: our containers reach the world, and are reached", async () => {
  await using lab = new Lab();
  const kernel = lab.iptables();
  const forward = { type: "filter", hook: "forward", priority: 0, policy: "drop" } as const;
  kernel.apply(new Batch().addTable("filter").addChain("filter", { name: "FORWARD", base: forward }));
  const { daemon, web } = await published(lab);
  await lab.serve(lab.outside, 99);
  expect(kernel.rules("filter", "FORWARD")).toHaveLength(2);
  expect(lab.ask(lab.outside, "tcp", Lab.HOST, 8080)).toBe(Lab.OUTSIDE);
  expect(lab.ask(web.place, "tcp", Lab.OUTSIDE, 99)).toBe(Lab.HOST);

  kernel.apply(new Batch().deleteTable("filter"));
  kernel.apply(new Batch().addTable("filter").addChain("filter", { name: "FORWARD", base: forward }));
  await daemon.send({ do: "check" });
  await daemon.send({ do: "check" });
  expect(kernel.rules("filter", "FORWARD")).toHaveLength(2);
  await daemon.send({ do: "leave", container: "web" });
  await daemon.close();
  expect(kernel.rules("filter", "FORWARD")).toHaveLength(0);
  expect(kernel.tables()).toEqual(["filter"]);
  kernel.close();
});

test("a host that flushes its firewall gets ours back; a leave in between does no harm", async () => {
  await using lab = new Lab();
  const { daemon } = await published(lab);
  await daemon.join("other", { ports: [port(9090)] });
  const kernel = lab.iptables();
  kernel.apply(new Batch().deleteTable("bunker-bnktest0"));
  expect(lab.ask(lab.outside, "tcp", Lab.HOST, 8080)).toBe("10.88.0.1"); // by the proxy meanwhile
  await daemon.send({ do: "leave", container: "other" });
  await daemon.send({ do: "check" });
  expect(lab.ask(lab.outside, "tcp", Lab.HOST, 8080)).toBe(Lab.OUTSIDE);
  kernel.close();
});

test("--iptables=false: no rule is made, published ports are served by the proxy", async () => {
  await using lab = new Lab();
  await published(lab, { iptables: false });
  const kernel = lab.iptables();
  expect(kernel.tables()).toEqual([]);
  kernel.close();
  expect(lab.ask(lab.outside, "tcp", Lab.HOST, 8080)).toBe("10.88.0.1");
  expect(lab.ask(lab.outside, "udp", Lab.HOST, 8080)).toBe("10.88.0.1 at 80");
});

test("two daemons with bridges of their own do not disturb each other, nor do their containers meet", async () => {
  await using lab = new Lab();
  const { daemon, web } = await published(lab);
  await using second = new Lab(lab.host);
  const other = await second.daemon({ name: "bnktest1", bip: "10.88.1.1/24" });
  const away = await other.join("away", { ports: [port(8082)] });
  await second.serve(away.place, 80);
  expect(lab.ask(lab.outside, "tcp", Lab.HOST, 8080)).toBe(Lab.OUTSIDE);
  expect(lab.ask(lab.outside, "tcp", Lab.HOST, 8082)).toBe(Lab.OUTSIDE);
  expect(lab.isSilent(away.place, web.endpoint.address!, 80)).toBe(true);
  expect(lab.isSilent(web.place, away.endpoint.address!, 80)).toBe(true);
  await other.send({ do: "leave", container: "away" });
  await other.close();
  expect(lab.ask(lab.outside, "tcp", Lab.HOST, 8080)).toBe(Lab.OUTSIDE);
  await daemon.send({ do: "leave", container: "web" });
});

test("without --bip the first pool of Docker's is taken that no route of the host overlaps", async () => {
  await using lab = new Lab();
  const first = await lab.daemon({ bip: undefined });
  expect((await first.join("a")).endpoint.address).toBe("172.17.0.2");
  await using second = new Lab(lab.host);
  const other = await second.daemon({ name: "bnktest1", bip: undefined, mtu: 1400 });
  const { endpoint, place } = await other.join("b");
  expect(endpoint.address).toBe("172.18.0.2");
  expect(lab.run(place, "busybox", "ip", "link", "show", "eth0")).toContain("mtu 1400");
});

test("a UDP client that never stops sending is led to the container that has the port now", async () => {
  await using lab = new Lab();
  const daemon = await lab.daemon();
  const answers = lab.call(lab.outside, Lab.HOST, 8080);
  const one = answered(answers, `${Lab.OUTSIDE} at 80`);
  await Bun.sleep(200); // it sends, and nobody is there
  const first = await daemon.join("one", { ports: [port(8080, 80, "", "udp")] });
  await lab.serve(first.place, 80);
  await one;

  await daemon.send({ do: "leave", container: "one" });
  const second = await daemon.join("two", { ports: [port(8080, 81, "", "udp")] });
  await lab.serve(second.place, 81);
  await answered(answers, `${Lab.OUTSIDE} at 81`);
});

/** Reads until the answer that is wanted; the first may have come by the proxy, which has the port before the rule. */
async function answered(answers: AsyncGenerator<string>, wanted: string): Promise<void> {
  const seen: string[] = [];
  while (seen.at(-1) !== wanted) {
    const { value, done } = await answers.next();
    if (done || seen.length > 100) throw new Error(`no "${wanted}" among: ${seen.join(", ")}`);
    seen.push(value);
  }
}

test("a bridge has one daemon; one that somebody else made is used and left", async () => {
  await using lab = new Lab();
  await lab.daemon();
  const second = await lab.daemon().catch((error: Error) => error.message);
  expect(second).toContain("bridge bnktest0 belongs to another daemon");
  lab.run(lab.host, "busybox", "brctl", "addbr", "bnktest1");
  const other = await lab.daemon({ name: "bnktest1", bip: "10.88.1.1/24", foreign: true });
  await other.close();
  expect(lab.links()).toContain("bnktest1");
});
