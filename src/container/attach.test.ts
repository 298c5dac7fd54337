import { expect, test } from "bun:test";
import { peerPair } from "../../test/fake/peers.ts";
import { converse, KeyFilter, parseDetachKeys } from "./attach.ts";

const bytes = (text: string): Uint8Array => Buffer.from(text, "latin1");
const text = (chunk: Uint8Array): string => Buffer.from(chunk).toString("latin1");

test("detach keys: Docker's grammar", () => {
  expect([...parseDetachKeys(undefined)]).toEqual([16, 17]);
  expect([...parseDetachKeys("ctrl-a,ctrl-@,b,ctrl-],ctrl-_")]).toEqual([1, 0, 98, 29, 31]);
  expect(() => parseDetachKeys("zzz")).toThrow("Invalid detach keys (zzz) provided");
});

test("detach keys: found over chunk borders; what only began like them passes", () => {
  const filter = new KeyFilter(parseDetachKeys("ctrl-p,ctrl-q"));
  expect(text(filter.feed(bytes("ab")).passed)).toBe("ab");
  expect(text(filter.feed(bytes("c\x10")).passed)).toBe("c");
  expect(text(filter.feed(bytes("x\x10")).passed)).toBe("\x10x");
  const last = filter.feed(bytes("\x11rest"));
  expect(last).toEqual({ passed: new Uint8Array(0), detached: true });
});

test("attach: the client's end of file goes inside, output after it still arrives", async () => {
  const [client, far] = peerPair();
  const [inner, inside] = peerPair();
  const ending = converse(far, inside, { stdin: true });
  await client.write(bytes("hello"));
  client.end();
  let got = "";
  for await (const chunk of inner.input) got += text(chunk);
  await inner.write(bytes(`got ${got}`));
  inner.end();
  let answer = "";
  for await (const chunk of client.input) answer += text(chunk);
  expect(answer).toBe("got hello");
  expect(await ending).toBe("output ended");
});

test("attach: a client that goes away ends the conversation, not the process", async () => {
  const [client, far] = peerPair();
  const [inner, inside] = peerPair();
  const ending = converse(far, inside, { stdin: false });
  client.close();
  expect(await ending).toBe("client gone");
  expect(inner.closed.aborted).toBe(true);
});

test("attach: the detach keys end it", async () => {
  const [client, far] = peerPair();
  const [, inside] = peerPair();
  const ending = converse(far, inside, { stdin: true, keys: parseDetachKeys("") });
  await client.write(bytes("\x10\x11"));
  expect(await ending).toBe("detached");
});
