import { expect, test } from "bun:test";
import { applyChanges } from "./change.ts";

test.each([
  ['CMD ["a","b c"]', { Cmd: ["a", "b c"] }],
  ["CMD echo hi", { Cmd: ["/bin/sh", "-c", "echo hi"] }],
  ['ENTRYPOINT ["/e"]', { Entrypoint: ["/e"] }],
  ['ENV A=1 B="two words" C=it\\ is', { Env: ["A=1", "B=two words", "C=it is"] }],
  ["ENV A the rest of it", { Env: ["A=the rest of it"] }],
  ["LABEL a.b=c 'd'=\"e f\"", { Labels: { "a.b": "c", d: "e f" } }],
  [
    "EXPOSE 80 53/udp 8000-8002",
    { ExposedPorts: { "80/tcp": {}, "53/udp": {}, "8000/tcp": {}, "8001/tcp": {}, "8002/tcp": {} } },
  ],
  ['VOLUME ["/a","/b"]', { Volumes: { "/a": {}, "/b": {} } }],
  ["VOLUME /a /b", { Volumes: { "/a": {}, "/b": {} } }],
  ["USER 1000:1000", { User: "1000:1000" }],
  ["WORKDIR /w", { WorkingDir: "/w" }],
  ["STOPSIGNAL SIGINT", { StopSignal: "SIGINT" }],
  ["ONBUILD RUN x", { OnBuild: ["RUN x"] }],
  ["HEALTHCHECK NONE", { Healthcheck: { Test: ["NONE"] } }],
  [
    "HEALTHCHECK --interval=5s --retries=3 CMD curl x",
    { Healthcheck: { Test: ["CMD-SHELL", "curl x"], Interval: 5e9, Retries: 3 } },
  ],
])("change: %s", (change, config) => {
  expect(applyChanges({}, [change])).toEqual(config);
});

test("change: they follow each other, and a later variable replaces an earlier one", () => {
  const changes = ["ENV A=1", "env A=2\nENV B=3", "WORKDIR /a", "WORKDIR b"];
  expect(applyChanges({ Env: ["A=0", "Z=9"] }, changes)).toEqual({
    Env: ["A=2", "Z=9", "B=3"],
    WorkingDir: "/a/b",
  });
});

test.each([
  ["RUN x", "RUN is not a valid change command"],
  ["ENV", "ENV requires at least one argument"],
  ["ENV A", "ENV must have two arguments"],
  ["ENV A=1 B", 'Syntax error - can\'t find = in "B". Must be of the form: name=value'],
  ["EXPOSE x", "invalid containerPort: x"],
  ["USER a b", "USER requires exactly one argument"],
  ["ONBUILD FROM x", "FROM isn't allowed as an ONBUILD trigger"],
  ["HEALTHCHECK RUN x", 'unknown type "RUN" in HEALTHCHECK (try CMD)'],
])("change: %s is refused", (change, words) => {
  expect(() => applyChanges({}, [change])).toThrow(words);
});
