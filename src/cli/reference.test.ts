import { expect, test } from "bun:test";
import { parseImageName, pickedName } from "./reference.ts";

const HEX = "a".repeat(64);

test.each([
  ["busybox", "docker.io/library/busybox", "busybox:latest"],
  ["user/app:v1", "docker.io/user/app", "user/app:v1"],
  ["localhost:5000/a/b:c", "localhost:5000/a/b", "localhost:5000/a/b:c"],
  ["docker.io/library/busybox:1", "docker.io/library/busybox", "busybox:1"],
  ["ghcr.io/x/y", "ghcr.io/x/y", "ghcr.io/x/y:latest"],
  [`busybox@sha256:${HEX}`, "docker.io/library/busybox", `busybox@sha256:${HEX}`],
])("image name: %s", (text, full, picked) => {
  const name = parseImageName(text);
  expect(name.full).toBe(full);
  expect(pickedName(name)).toBe(picked);
});

test.each([
  ["UPPER", "invalid reference format: repository name (library/UPPER) must be lowercase"],
  ["a b", "invalid reference format"],
  ["x:", "invalid reference format"],
  ["", "invalid reference format"],
  ["x@sha256:1", "invalid reference format"],
])("image name: %j is refused", (text, words) => {
  expect(() => parseImageName(text)).toThrow(words);
});
