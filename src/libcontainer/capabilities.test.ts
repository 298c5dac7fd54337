import { expect, test } from "bun:test";
import { EngineError } from "../base/errors.ts";
import { CAPABILITIES } from "../oci/capabilities.ts";
import { capabilityMask, capabilityNames } from "./capabilities.ts";

test("capabilities: Docker's default set is the mask that a default container shows", () => {
  const names =
    "CHOWN DAC_OVERRIDE FSETID FOWNER MKNOD NET_RAW SETGID SETUID SETFCAP SETPCAP NET_BIND_SERVICE SYS_CHROOT KILL AUDIT_WRITE";
  expect(
    capabilityMask(
      names.split(" ").map((name) => `CAP_${name}`),
      40,
    ),
  ).toBe(0xa80425fbn);
});

test("capabilities: names and bits are each other's inverse", () => {
  expect(capabilityNames(capabilityMask(CAPABILITIES, 40))).toEqual([...CAPABILITIES]);
});

test("capabilities: one that this kernel does not have yet is left out", () => {
  expect(capabilityMask(["CAP_CHOWN", "CAP_BPF"], 37)).toBe(1n);
});

test("capabilities: a name that no kernel has is refused", () => {
  expect(() => capabilityMask(["CAP_NONSENSE"], 40)).toThrow(EngineError);
});
