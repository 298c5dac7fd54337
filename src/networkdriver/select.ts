import type { Log } from "../base/log.ts";
import { BridgeDriver, type BridgeOptions } from "./bridge.ts";
import type { NetworkDriver } from "./driver.ts";
import { HostDriver, NullDriver } from "./fixed.ts";

/** One driver for each network that always exists; no bridge without its options (`--bridge none`). */
export const selectDrivers = (bridge: BridgeOptions | undefined, log: Log): NetworkDriver[] => [
  ...(bridge ? [new BridgeDriver(bridge, log)] : []),
  new HostDriver(),
  new NullDriver(),
];
