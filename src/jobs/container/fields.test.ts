import { expect, test } from "bun:test";
import { CONFIG_FIELDS, HOST_FIELDS, refuseFields } from "./fields.ts";

test("fields: what is empty asks for nothing, whatever field it is", () => {
  const empty = (fields: object) =>
    Object.keys(fields).flatMap((field) => [null, "", 0, false, [], {}].map((value) => ({ [field]: value })));
  for (const config of empty(CONFIG_FIELDS)) expect(() => refuseFields(config, {})).not.toThrow();
  for (const host of empty(HOST_FIELDS)) expect(() => refuseFields({}, host)).not.toThrow();
});

test("fields: each one that is not honoured is refused with its reason", () => {
  const refused = Object.entries(HOST_FIELDS).filter(([, fate]) => fate !== true);
  expect(refused.map(([field]) => field)).toEqual([
    "DeviceRequests",
    "Cgroup",
    "Links",
    "CpuCount",
    "CpuPercent",
    "IOMaximumIOps",
    "IOMaximumBandwidth",
    "KernelMemoryTCP",
  ]);
  for (const [field, reason] of refused)
    expect(() => refuseFields({}, { [field]: ["x"] })).toThrow(
      `HostConfig.${field} is not supported: ${reason}`,
    );
});

test("fields: an own health check is refused, NONE and the image's are not", () => {
  const health =
    (...Test: string[]) =>
    () =>
      refuseFields({ Healthcheck: { Test } }, {});
  expect(health("CMD", "true")).toThrow("this engine runs no health checks yet");
  expect(health("NONE")).not.toThrow();
  expect(health()).not.toThrow();
});
