import { expect, test } from "bun:test";
import { parseCounters } from "./counters.ts";

test("counters: every interface but lo, in the words of stats", () => {
  const text = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:     100       2    0    0    0     0          0         0      100       2    0    0    0     0       0          0
  eth0: 1234567      12    1    2    0     0          0         0       84       2    3    4    0     0       0          0
`;
  expect(parseCounters(text)).toEqual({
    eth0: {
      rx_bytes: 1234567,
      rx_packets: 12,
      rx_errors: 1,
      rx_dropped: 2,
      tx_bytes: 84,
      tx_packets: 2,
      tx_errors: 3,
      tx_dropped: 4,
    },
  });
});
