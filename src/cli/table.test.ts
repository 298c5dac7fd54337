import { expect, test } from "bun:test";
import { portsText } from "./ps.ts";
import { columns } from "./table.ts";

test("columns: three blanks apart, ten wide at least, the last as it is", () => {
  expect(
    columns([
      ["ID", "IMAGE", "NAMES"],
      ["78b847d863e2", "busybox", "x"],
    ]),
  ).toBe("ID             IMAGE     NAMES\n78b847d863e2   busybox   x\n");
});

test("columns: wide characters count as the columns they take", () => {
  expect(
    columns([
      ["日本語日本語", "b"],
      ["a", "c"],
    ]),
  ).toBe("日本語日本語   b\na              c\n");
});

const port = (PrivatePort: number, PublicPort?: number, IP?: string, Type = "tcp") => ({
  ...{ PrivatePort, Type },
  ...(PublicPort && { PublicPort }),
  ...(IP && { IP }),
});

test.each([
  [[], ""],
  [[port(80)], "80/tcp"],
  [[port(80, 8080, "0.0.0.0"), port(80, 8080, "::")], "0.0.0.0:8080->80/tcp, [::]:8080->80/tcp"],
  [[port(81), port(80), port(82), port(90)], "80-82/tcp, 90/tcp"],
  [[port(80, 80, "0.0.0.0"), port(81, 81, "0.0.0.0")], "0.0.0.0:80-81->80-81/tcp"],
  [[port(53, undefined, undefined, "udp"), port(53)], "53/tcp, 53/udp"],
])("ps: ports %#", (ports, text) => {
  expect(portsText(ports)).toBe(text);
});
