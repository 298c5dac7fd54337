import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { closeSync } from "node:fs";
import { newId } from "../../src/base/id.ts";
import type { Attachment, NetworkDriver, PublishRequest } from "../../src/networkdriver/driver.ts";

/** Not `expect(…).rejects`: Bun waits there without serving Workers. */
const refusal = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => "nothing was refused",
    (error: Error) => error.message,
  );

/** What every adapter of the port must do; `make` gives a driver of a host that has no other. */
export function networkdriverContract(name: string, make: () => NetworkDriver): void {
  describe(name, () => {
    let driver: NetworkDriver;
    const joined: Attachment[] = [];
    const network = newId();

    const join = async (ports: readonly PublishRequest[] = []): Promise<Attachment> => {
      const container = newId();
      const request = { id: newId(), network, container, name: "c", sandbox: newId(), ports };
      const attachment = await driver.join(request);
      joined.push(attachment);
      return attachment;
    };
    const leave = async ({ endpoint, netns }: Attachment): Promise<void> => {
      await driver.leave(endpoint);
      if (netns !== undefined) closeSync(netns);
    };

    beforeAll(async () => {
      driver = make();
      await driver.init();
      await driver.restore([]);
    });
    afterAll(() => driver.close(false));

    test("init twice is init once", async () => {
      await driver.init();
    });

    test("a join answers the endpoint that was asked for, in a namespace of its own unless it is the host's", async () => {
      const [a, b] = [await join(), await join()];
      expect(a.endpoint).toMatchObject({ network, name: "c" });
      expect(a.endpoint.id).not.toBe(b.endpoint.id);
      if (driver.type === "host") expect([a.netns, b.netns]).toEqual([undefined, undefined]);
      else expect(a.netns).not.toBe(b.netns!);
      await leave(a);
      await leave(b);
    });

    test("no address is given twice at a time, nor again at once", async () => {
      const all = await Promise.all(Array.from({ length: 12 }, () => join()));
      await leave(all[0]!);
      const next = await join();
      const addresses = [...all, next].flatMap(({ endpoint }) => endpoint.address ?? []);
      expect(new Set(addresses).size).toBe(addresses.length);
      for (const one of [...all.slice(1), next]) await leave(one);
    });

    test("leave twice is leave once", async () => {
      const one = await join();
      await leave(one);
      await driver.leave(one.endpoint);
    });

    test("a port has one owner, and is free when that one has left", async () => {
      if (driver.type !== "bridge") {
        const { endpoint } = await join([{ proto: "tcp", containerPort: 80, hostIp: "", hostPort: 30080 }]);
        expect(endpoint.ports).toEqual([]); // published ports mean nothing there
        return;
      }
      const port = { proto: "tcp", containerPort: 80, hostIp: "127.0.0.1", hostPort: 30080 } as const;
      const first = await join([port]);
      expect(first.endpoint.ports).toEqual([port]);
      expect(await refusal(join([{ ...port, hostPort: 30081 }, port]))).toContain(
        "port is already allocated",
      );
      const second = await join([{ ...port, hostPort: 30081 }]); // nothing is left of the attempt
      await leave(first);
      await leave(second);
      await leave(await join([port]));
    });

    test("what an earlier daemon had is kept: its address is not given again, its ports are not free", async () => {
      if (driver.type !== "bridge") return;
      const port = { proto: "udp", containerPort: 53, hostIp: "127.0.0.1", hostPort: 30053 } as const;
      const { endpoint, netns } = await join([port]);
      await driver.close(true);
      driver = make();
      await driver.init();
      await driver.restore([endpoint]);
      expect(await refusal(join([port]))).toContain("port is already allocated");
      expect((await join()).endpoint.address).not.toBe(endpoint.address!);
      await leave({ endpoint, netns });
      await leave(await join([port]));
    });
  });
}
