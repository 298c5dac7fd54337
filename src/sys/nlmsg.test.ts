import { expect, test } from "bun:test";
import { attributes, list, Message, messages, textOf, u32Of } from "./nlmsg.ts";

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

test("a message has the kernel's header: length, type, flags with NLM_F_REQUEST, sequence number", () => {
  expect(hex(new Message(0x10, 4).bytes(7))).toBe("10000000" + "1000" + "0500" + "07000000" + "00000000");
});

test("attributes are padded to four bytes, and their length says what they hold without it", () => {
  const bytes = new Message(1, 0)
    .struct(new Uint8Array([2, 24, 0, 0]))
    .text(3, "lo")
    .u8(9, 1)
    .bytes(1);
  expect(hex(bytes.subarray(16))).toBe("02180000" + "07000300" + "6c6f0000" + "05000900" + "01000000");
  expect(bytes[0]).toBe(bytes.length);
});

test("numbers of netlink are little, those of nf_tables big endian", () => {
  const bytes = new Message(1, 0).u32(1, 5).be32(2, -3).be64(3, 0x1122n).bytes(1).subarray(16);
  expect(hex(bytes)).toBe("0800010005000000" + "08000200fffffffd" + "0c0003000000000000001122");
});

test("a nested attribute bears the nested flag and the length of all that it holds", () => {
  const bytes = new Message(1, 0)
    .nest(18, (m) => m.text(1, "veth"))
    .bytes(1)
    .subarray(16);
  expect(hex(bytes)).toBe("10001280" + "09000100" + "7665746800000000");
});

test("a message grows: what was written before stays", () => {
  const message = new Message(1, 0).text(1, "begin");
  for (let n = 0; n < 200; n++) message.u32(2, n);
  const all = [...list(message.bytes(1).subarray(16))];
  expect(all).toHaveLength(201);
  expect(textOf(all[0]!.payload)).toBe("begin");
  expect(u32Of(all[200]!.payload)).toBe(199);
});

test("a datagram of several messages is read one by one, and a torn one ends it", () => {
  const first = new Message(16, 0).text(3, "eth0").bytes(1).slice();
  const second = new Message(17, 0).u32(10, 42).bytes(2).slice();
  const all = [...messages(Buffer.concat([first, second, second.subarray(0, 18)]))];
  expect(all.map(({ type, sequence }) => [type, sequence])).toEqual([
    [16, 1],
    [17, 2],
  ]);
  expect(textOf(attributes(all[0]!.body).get(3))).toBe("eth0");
  expect(u32Of(attributes(all[1]!.body).get(10))).toBe(42);
});
