import { expect, test } from "bun:test";
import { DetachWatch, parseDetachKeys } from "./terminal.ts";

test("detach keys: control keys and letters, by default ctrl-p,ctrl-q", () => {
  expect(parseDetachKeys("")).toEqual([16, 17]);
  expect(parseDetachKeys("ctrl-a,b,ctrl-],ctrl-@")).toEqual([1, 98, 29, 0]);
  expect(() => parseDetachKeys("ctrl-!")).toThrow("Unknown character: 'ctrl-!'");
});

test("detach keys: found over several reads, not in a broken sequence", () => {
  const watch = new DetachWatch([16, 17]);
  expect(watch.saw(new Uint8Array([1, 16]))).toBe(false);
  expect(watch.saw(new Uint8Array([65, 17]))).toBe(false);
  expect(watch.saw(new Uint8Array([16, 16]))).toBe(false);
  expect(watch.saw(new Uint8Array([17]))).toBe(true);
});
