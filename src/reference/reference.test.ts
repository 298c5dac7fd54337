import { describe, expect, test } from "bun:test";
import { checkTag, familiarName, fullName, parseReference, withDefaultTag } from "./reference.ts";

const DIGEST = `sha256:${"0123456789abcdef".repeat(4)}`;

test.each([
  ["busybox", "docker.io/library/busybox", "busybox"],
  ["busybox:1.36", "docker.io/library/busybox:1.36", "busybox:1.36"],
  ["me/app", "docker.io/me/app", "me/app"],
  ["docker.io/library/busybox", "docker.io/library/busybox", "busybox"],
  ["index.docker.io/me/app:x", "docker.io/me/app:x", "me/app:x"],
  ["library/busybox", "docker.io/library/busybox", "busybox"],
  ["localhost/a", "localhost/a", "localhost/a"],
  ["localhost:5000/a/b:c", "localhost:5000/a/b:c", "localhost:5000/a/b:c"],
  ["127.0.0.1:5000/a", "127.0.0.1:5000/a", "127.0.0.1:5000/a"],
  ["[::1]:5000/a", "[::1]:5000/a", "[::1]:5000/a"],
  ["Host.example/a", "Host.example/a", "Host.example/a"],
  [`a@${DIGEST}`, `docker.io/library/a@${DIGEST}`, `a@${DIGEST}`],
  [`a:t@${DIGEST}`, `docker.io/library/a:t@${DIGEST}`, `a:t@${DIGEST}`],
  ["a__b/c-d/e.f", "docker.io/a__b/c-d/e.f", "a__b/c-d/e.f"],
  ["a---b", "docker.io/library/a---b", "a---b"],
])("parse: %s is %s, shown as %s", (text, full, familiar) => {
  expect(fullName(parseReference(text))).toBe(full);
  expect(familiarName(parseReference(text))).toBe(familiar);
});

test.each([
  ["BAD", "invalid reference format: repository name (library/BAD) must be lowercase"],
  ["a/Bad", "invalid reference format: repository name (a/Bad) must be lowercase"],
  ["", "invalid reference format"],
  [":tag", "invalid reference format"],
  ["a:", "invalid reference format"],
  ["a b", "invalid reference format"],
  ["a___b", "invalid reference format"],
  ["-a", "invalid reference format"],
  ["a//b", "invalid reference format"],
  ["a:-t", "invalid reference format"],
  [`a:${"t".repeat(129)}`, "invalid reference format"],
  ["a@sha256:abc", "invalid reference format"],
  [`a@sha512:${"0".repeat(128)}`, "unsupported digest algorithm"],
  [`a@sha256:${"0".repeat(63)}`, "invalid checksum digest length"],
  ["0".repeat(64), `invalid repository name (${"0".repeat(64)}), cannot specify 64-byte hexadecimal strings`],
  ["a/".repeat(130), "invalid reference format"],
  [`a/${"b".repeat(260)}`, "repository name must not be more than 255 characters"],
])("parse: %j is refused: %s", (text, words) => {
  expect(() => parseReference(text)).toThrow(words);
});

describe("properties of the grammar", () => {
  const random = (alphabet: string, least: number, most: number, seed: () => number) =>
    Array.from(
      { length: least + Math.floor(seed() * (most - least + 1)) },
      () => alphabet[Math.floor(seed() * alphabet.length)],
    ).join("");

  test("parse: what is printed is read as the same, ten thousand times", () => {
    let state = 42;
    const seed = () => {
      state = (state * 1103515245 + 12345) % 2147483648;
      return state / 2147483648;
    };
    for (let round = 0; round < 10_000; round++) {
      const parts = Array.from({ length: 1 + Math.floor(seed() * 3) }, () => random("abc019", 1, 6, seed));
      const domain =
        seed() < 0.5 ? "" : `${random("abc", 1, 5, seed)}.example${seed() < 0.5 ? ":5000" : ""}/`;
      const tag = seed() < 0.5 ? "" : `:${random("aZ0_", 1, 8, seed)}`;
      const digest = seed() < 0.5 ? "" : `@${DIGEST}`;
      const ref = parseReference(domain + parts.join("/") + tag + digest);
      expect(parseReference(fullName(ref))).toEqual(ref);
      expect(parseReference(familiarName(ref))).toEqual(ref);
    }
  });
});

test("withDefaultTag: only where there is neither tag nor digest", () => {
  expect(familiarName(withDefaultTag(parseReference("a")))).toBe("a:latest");
  expect(familiarName(withDefaultTag(parseReference("a:x")))).toBe("a:x");
  expect(withDefaultTag(parseReference(`a@${DIGEST}`)).tag).toBeUndefined();
});

test("checkTag", () => {
  expect(checkTag("v1.2-x_y")).toBe("v1.2-x_y");
  for (const bad of ["", ".a", "a b", "a/b", "a:b"])
    expect(() => checkTag(bad)).toThrow("invalid tag format");
});
