import { expect, test } from "bun:test";
import { Log } from "../../src/base/log.ts";
import { BridgeDriver } from "../../src/networkdriver/bridge.ts";
import { HostDriver, NullDriver } from "../../src/networkdriver/fixed.ts";
import { Namespaces } from "../../src/networkdriver/namespaces.ts";
import { Rtnetlink } from "../../src/sys/rtnetlink.ts";
import { networkdriverContract } from "../contract/networkdriver.ts";
import { OPTIONS } from "./network_lab.ts";

const INSIDE = "BUNKER_TEST_NETNS";

/** The drivers work on the network namespace that they run in: this file runs itself again in one of its own. */
if (process.env[INSIDE]) {
  const links = new Rtnetlink();
  const namespaces = new Namespaces();
  links.setUp(1);
  networkdriverContract("bridge", () => new BridgeDriver(OPTIONS, namespaces, new Log("error")));
  networkdriverContract("host", () => new HostDriver());
  networkdriverContract("none", () => new NullDriver(namespaces));
  test("nothing is left of them", () => {
    expect(links.links().filter(({ kind }) => kind === "bridge")).toEqual([]);
  });
} else {
  test("every network driver keeps the contract of the port", () => {
    const command = ["unshare", "--net", process.execPath, "test", import.meta.path];
    const { exitCode, stderr } = Bun.spawnSync(command, { env: { ...process.env, [INSIDE]: "1" } });
    expect(exitCode, stderr.toString()).toBe(0);
  }, 60_000);
}
