import { expect, test } from "bun:test";
import { parseBind, parseMount, parseTmpfs } from "./binds.ts";

test("-v: a host folder, a named volume, an anonymous one", () => {
  expect(parseBind("/a/:/b:ro")).toMatchObject({
    type: "bind",
    source: "/a",
    destination: "/b",
    mode: "ro",
    writable: false,
    propagation: "rprivate",
    makeSource: true,
  });
  expect(parseBind("v:/b/")).toMatchObject({
    type: "volume",
    name: "v",
    destination: "/b",
    mode: "z",
    writable: true,
    copyUp: true,
  });
  expect(parseBind("v:/b:nocopy,ro")).toMatchObject({ copyUp: false, writable: false });
  expect(parseBind("/b")).toMatchObject({ type: "volume", destination: "/b", mode: "" });
  expect(parseBind("/a:/b:rshared,z").options).toEqual(["rbind", "rw", "rshared"]);
});

test("-v: Docker's words for what cannot be", () => {
  const words = (spec: string) => expect(() => parseBind(spec));
  words("a").toThrow(
    `invalid volume specification: 'a': invalid mount config for type "volume": invalid mount path: 'a' mount path must be absolute`,
  );
  words("/a:/").toThrow(
    `invalid volume specification: '/a:/': invalid mount config for type "bind": invalid specification: destination can't be '/'`,
  );
  words("/a:/b:zz").toThrow("invalid mode: zz");
  words("/a:/b:ro,rw").toThrow("invalid mode: ro,rw");
  words("/a:/b:nocopy").toThrow("invalid mode: nocopy");
  words("v:/b:rshared").toThrow("invalid mode: rshared");
  words("a:b:c:d").toThrow("invalid volume specification: 'a:b:c:d'");
});

test("--mount: each type, and Docker's words", () => {
  const none = () => false;
  const all = () => true;
  expect(parseMount({ Type: "bind", Source: "/a", Target: "/b", ReadOnly: true }, all)).toMatchObject({
    options: ["rbind", "rro", "rprivate"],
    writable: false,
    makeSource: false,
  });
  expect(
    parseMount(
      {
        Type: "bind",
        Source: "/a",
        Target: "/b",
        ReadOnly: true,
        BindOptions: { ReadOnlyNonRecursive: true },
      },
      all,
    ).options,
  ).toContain("ro");
  expect(
    parseMount({ Type: "tmpfs", Target: "/t", TmpfsOptions: { SizeBytes: 9, Mode: 0o700 } }, none).options,
  ).toEqual(["noexec", "nosuid", "nodev", "size=9", "mode=700"]);
  expect(() => parseMount({ Type: "bind", Source: "/a", Target: "/b" }, none)).toThrow(
    'invalid mount config for type "bind": bind source path does not exist: /a',
  );
  expect(() => parseMount({ Type: "bind", Source: "", Target: "/b" }, none)).toThrow(
    "field Source must not be empty",
  );
  expect(() => parseMount({ Type: "volume", Target: "" }, none)).toThrow(
    'invalid mount config for type "volume": field Target must not be empty',
  );
  expect(() => parseMount({ Type: "tmpfs", Source: "x", Target: "/b" }, none)).toThrow(
    "field Source must not be specified",
  );
  expect(() => parseMount({ Type: "image", Source: "x", Target: "/b" }, none)).toThrow("not supported");
});

test("--tmpfs: Docker's defaults unless their opposite is asked for", () => {
  expect(parseTmpfs("/t", "").options).toEqual(["noexec", "nosuid", "nodev"]);
  expect(parseTmpfs("/t", "exec,size=1m").options).toEqual(["nosuid", "nodev", "exec", "size=1m"]);
  expect(() => parseTmpfs("/t", "zz=1")).toThrow('invalid tmpfs option ["zz=1"]');
});
