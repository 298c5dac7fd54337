import { expect, test } from "bun:test";
import { Batch } from "./iptables.ts";
import {
  accept,
  acceptedInterface,
  counter,
  ctState,
  iifname,
  notOifname,
  oifname,
  put,
} from "./nftables.ts";
import { attributes, list, Message, messages, NLM_F_ACK } from "./nlmsg.ts";

const NF_TABLES = 10 << 8;

function encoded(batch: Batch) {
  let number = 0;
  const { bytes, last, what } = batch.encode(() => ++number);
  return { all: [...messages(bytes)], last, what };
}

test("a batch stands between its two edges, and only its last message wants an answer", () => {
  const { all, last } = encoded(new Batch().addTable("t").addChain("t", { name: "c" }).deleteTable("t"));
  expect(all.map(({ type }) => type)).toEqual([16, NF_TABLES, NF_TABLES | 3, NF_TABLES | 2, 17]);
  expect(all.map(({ sequence }) => sequence)).toEqual([1, 2, 3, 4, 5]);
  expect(last).toBe(4);
  expect(all.map(({ flags }) => (flags & NLM_F_ACK) !== 0)).toEqual([false, false, false, true, false]);
});

test("each message of a batch has a name for the error that it may bring", () => {
  const { what } = encoded(new Batch().addTable("bunker").addRule("bunker", "forward", accept()));
  expect([...what]).toEqual([
    [2, "add table bunker"],
    [3, "add rule bunker forward"],
  ]);
});

test("no elements are no message", () => {
  expect(new Batch().addElements("t", "m", []).empty).toBe(true);
});

const ruleOf = (...expressions: Parameters<typeof put>[1][]): Uint8Array => {
  const message = new Message(0, 0).nest(4, (all) => {
    for (const expression of expressions) put(all, expression);
  });
  return attributes(message.bytes(1).subarray(16)).get(4)!;
};

test("a rule that lets an interface through is known again, with or without a counter, and no other is", () => {
  expect(acceptedInterface(ruleOf(...iifname("bunker0"), ...accept()))).toEqual({
    match: "iifname",
    name: "bunker0",
  });
  expect(acceptedInterface(ruleOf(...oifname("b"), ...counter(), ...accept()))).toEqual({
    match: "oifname",
    name: "b",
  });
  expect(acceptedInterface(ruleOf(...notOifname("b"), ...accept()))).toBeUndefined();
  expect(acceptedInterface(ruleOf(...iifname("b"), ...ctState(2), ...accept()))).toBeUndefined();
  expect(acceptedInterface(ruleOf(...accept()))).toBeUndefined();
});

test("a match on an interface compares the whole name", () => {
  const [, compare] = [...list(ruleOf(...iifname("br0")))].map(({ payload }) =>
    Buffer.from(payload).toString("latin1"),
  );
  expect(compare).toContain("br0\0");
});
