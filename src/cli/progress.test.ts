import { expect, test } from "bun:test";
import { barOf, plainLine } from "./progress.ts";

test("progress: a bar of fifty, with what is there and what is to come", () => {
  expect(barOf({ progressDetail: { current: 36445, total: 1083971 } })).toBe(
    ` [=>${" ".repeat(48)}]  36.45kB/1.084MB`,
  );
  expect(barOf({ progressDetail: { current: 10, total: 10 } })).toBe(` [${"=".repeat(50)}]  10B/10B`);
  expect(barOf({ progressDetail: { current: 500 } })).toBe("  500B");
  expect(barOf({ progressDetail: {} })).toBe("");
});

test("progress: without a terminal each state is one line and bytes are none", () => {
  expect(plainLine({ status: "Pull complete", id: "abc", progressDetail: {} })).toBe("abc: Pull complete\n");
  expect(plainLine({ status: "Downloading", id: "abc", progressDetail: { current: 5, total: 9 } })).toBe("");
  expect(plainLine({ stream: "Loaded image: x:latest\n" })).toBe("Loaded image: x:latest\n");
});
