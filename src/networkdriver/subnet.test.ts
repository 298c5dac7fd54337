import { expect, test } from "bun:test";
import { formatSubnet, freePool, lastOf, overlap, parseAddress, parseCidr } from "./subnet.ts";

const subnet = (text: string) => parseCidr(text).subnet;

test("a CIDR address is an address and the subnet around it", () => {
  const { address, subnet: around } = parseCidr("192.168.5.1/20");
  expect(address).toBe(0xc0a80501);
  expect(formatSubnet(around)).toBe("192.168.0.0/20");
  expect(lastOf(around)).toBe(0xc0a80fff);
  expect(formatSubnet(subnet("1.2.3.4/0"))).toBe("0.0.0.0/0");
});

test.each(["10.0.0.1", "10.0.0.1/33", "10.0.0/8", "10.0.0.256/8", "::1/64", "10.0.0.1/x"])(
  "%s is no CIDR address",
  (text) => {
    expect(() => parseCidr(text)).toThrow(`invalid CIDR address: ${text}`);
  },
);

test("an address of IPv6 is none of IPv4", () => {
  expect(parseAddress("::1")).toBeUndefined();
  expect(parseAddress("0.0.0.0")).toBe(0);
});

test("subnets overlap when one lies in the other", () => {
  expect(overlap(subnet("10.0.0.0/8"), subnet("10.9.0.0/16"))).toBe(true);
  expect(overlap(subnet("10.9.0.0/16"), subnet("10.0.0.0/8"))).toBe(true);
  expect(overlap(subnet("10.8.0.0/16"), subnet("10.9.0.0/16"))).toBe(false);
});

test("the first of Docker's pools that no route overlaps is taken", () => {
  expect(formatSubnet(freePool([]))).toBe("172.17.0.0/16");
  expect(formatSubnet(freePool([subnet("172.16.0.0/15"), subnet("172.18.5.0/24")]))).toBe("172.19.0.0/16");
  expect(formatSubnet(freePool([subnet("172.16.0.0/12")]))).toBe("192.168.0.0/20");
  expect(() => freePool([subnet("172.16.0.0/12"), subnet("192.168.0.0/16")])).toThrow(
    "all predefined address pools have been fully subnetted",
  );
});
