import { expect, test } from "bun:test";
import { IpAllocator } from "./ipallocator.ts";
import { formatAddress, parseAddress, parseCidr } from "./subnet.ts";

const allocator = (subnet: string, range?: string) =>
  new IpAllocator(parseCidr(subnet).subnet, range ? parseCidr(range).subnet : undefined);
const some = (from: IpAllocator, count: number) =>
  Array.from({ length: count }, () => formatAddress(from.next("bridge")));
const number = (address: string) => parseAddress(address)!;

test("addresses come in order, without the network's own, the broadcast address and what is taken", () => {
  const pool = allocator("10.0.0.0/29");
  pool.take(number("10.0.0.1"));
  expect(some(pool, 5)).toEqual(["10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6"]);
  expect(() => pool.next("bridge")).toThrow(
    "no available IPv4 addresses on this network's address pools: bridge",
  );
});

test("an address that was given back is the last to be given again", () => {
  const pool = allocator("10.0.0.0/29");
  some(pool, 2);
  pool.free(number("10.0.0.1"));
  pool.free(number("10.0.0.2"));
  expect(some(pool, 5)).toEqual(["10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6", "10.0.0.1"]);
});

test("no address is given twice at a time", () => {
  const pool = allocator("172.17.0.0/24");
  expect(new Set(some(pool, 254)).size).toBe(254);
});

test("a range is a part of the subnet; the gateway may stand outside of it", () => {
  const pool = allocator("10.0.0.0/24", "10.0.0.128/30");
  pool.take(number("10.0.0.1"));
  expect(some(pool, 4)).toEqual(["10.0.0.128", "10.0.0.129", "10.0.0.130", "10.0.0.131"]);
  expect(() => pool.next("bridge")).toThrow("no available");
});

test("an address in use or of another subnet is not taken", () => {
  const pool = allocator("10.0.0.0/24");
  pool.take(number("10.0.0.9"));
  expect(() => pool.take(number("10.0.0.9"))).toThrow("Address already in use: 10.0.0.9");
  expect(() => pool.take(number("10.0.1.9"))).toThrow("Address already in use");
});
