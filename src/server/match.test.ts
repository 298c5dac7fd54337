import { expect, test } from "bun:test";
import { endpoint, none } from "../api/endpoint.ts";
import { job } from "../engine/job.ts";
import { Table } from "./match.ts";
import { on } from "./route.ts";

const nothing = job("nothing", async (_: object, _input: object) => {});
const route = on<object>();
const table = new Table([
  route(endpoint("GET", "/images/json", { answer: none() }), nothing),
  route(endpoint("GET", "/images/{name*}/json", { answer: none() }), nothing),
  route(endpoint("DELETE", "/images/{name*}", { answer: none() }), nothing),
  route(endpoint("GET", "/exec/{id}/json", { answer: none() }), nothing),
]);
const found = (method: string, path: string) => {
  const match = table.find(method, path);
  return match && [match.route.endpoint.path, match.path];
};

test("match: a fixed path goes before a pattern, and a pattern knows its method", () => {
  expect(found("GET", "/images/json")).toEqual(["/images/json", {}]);
  expect(found("GET", "/images/a/b:1/json")).toEqual(["/images/{name*}/json", { name: "a/b:1" }]);
  expect(found("DELETE", "/images/a/json")).toEqual(["/images/{name*}", { name: "a/json" }]);
  expect(found("POST", "/images/a/json")).toBeUndefined();
});

test("match: a plain name holds no slash, but an escaped one", () => {
  expect(found("GET", "/exec/a/b/json")).toBeUndefined();
  expect(found("GET", "/exec/a%2Fb/json")).toEqual(["/exec/{id}/json", { id: "a/b" }]);
  expect(found("GET", "/exec/%zz/json")).toEqual(["/exec/{id}/json", { id: "%zz" }]);
  expect(found("GET", "/exec//json")).toBeUndefined();
});
