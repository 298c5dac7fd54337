import { expect, test } from "bun:test";
import { formatFilters, parseFilters } from "./filters.ts";

const KNOWN = ["name", "label", "dangling", "status"];

test("filters: both wire forms are read", () => {
  for (const raw of ['{"name":["a","b"]}', '{"name":{"a":true,"b":true,"c":false}}']) {
    const filters = parseFilters(raw, KNOWN);
    expect(filters.get("name")).toEqual(["a", "b"]);
    expect([filters.exact("name", "b"), filters.exact("name", "c")]).toEqual([true, false]);
  }
});

test("filters: what was not asked for matches everything", () => {
  const filters = parseFilters(undefined, KNOWN);
  expect([filters.empty, filters.exact("name", "x"), filters.labels("label", null)]).toEqual([
    true,
    true,
    true,
  ]);
});

test("filters: what is no filter is refused in Docker's words", () => {
  expect(() => parseFilters("x", KNOWN)).toThrow("invalid filter");
  expect(() => parseFilters("[]", KNOWN)).toThrow("invalid filter");
  expect(() => parseFilters('{"name":"a"}', KNOWN)).toThrow("invalid filter");
  expect(() => parseFilters('{"bad":["x"]}', KNOWN)).toThrow("invalid filter 'bad'");
  expect(() => parseFilters('{"dangling":["x"]}', KNOWN).flag("dangling", false)).toThrow(
    "invalid filter 'dangling=[x]'",
  );
});

test("filters: names match as expressions, labels must all be there", () => {
  const filters = parseFilters('{"name":["^we"],"label":["a","b=1"]}', KNOWN);
  expect([filters.match("name", "web"), filters.match("name", "owe")]).toEqual([true, false]);
  expect(filters.labels("label", { a: "", b: "1" })).toBe(true);
  expect(filters.labels("label", { a: "", b: "2" })).toBe(false);
  expect(filters.labels("label", { b: "1" })).toBe(false);
});

test("filters: what is formatted is read back, and nothing is sent for nothing", () => {
  expect(formatFilters({ name: [] })).toBeUndefined();
  expect(parseFilters(formatFilters({ name: ["a"], label: [] }), KNOWN).get("name")).toEqual(["a"]);
});
