import { expect, test } from "bun:test";
import { bool, int, list, optional, string } from "./flag.ts";
import { HelpWanted, nearest, parse, UsageError } from "./parse.ts";

const flags = {
  all: bool("a", ""),
  tty: bool("t", ""),
  interactive: bool("i", ""),
  env: list("e", ""),
  last: int("n", ""),
  name: string("", ""),
  entrypoint: optional("", ""),
  "sig-proxy": bool("", "", true),
};

const failure = (...argv: string[]): string => {
  try {
    parse(flags, argv);
  } catch (error) {
    if (error instanceof UsageError) return error.message;
    throw error;
  }
  return "no failure";
};

test.each([
  [["-it", "x"], { interactive: true, tty: true }, ["x"]],
  [["-e", "A=b", "--env=C=d", "-eE=f", "-e=G"], { env: ["A=b", "C=d", "E=f", "G"] }, []],
  [["-an3"], { all: true, last: 3 }, []],
  [["x", "--all", "y"], { all: true }, ["x", "y"]],
  [["--all=false", "--sig-proxy=false"], { all: false, "sig-proxy": false }, []],
  [["--", "-a", "--all"], { all: false }, ["-a", "--all"]],
  [["--name", "-a"], { name: "-a", all: false }, []],
  [["--entrypoint", ""], { entrypoint: "" }, []],
  [["-"], {}, ["-"]],
])("parse: %j", (argv, values, args) => {
  const parsed = parse(flags, argv);
  expect(parsed.values).toMatchObject(values);
  expect(parsed.args).toEqual(args);
});

test("parse: with stop the first argument ends the flags", () => {
  const parsed = parse(flags, ["-t", "busybox", "ls", "-a", "--all", "--"], true);
  expect(parsed.values).toMatchObject({ tty: true, all: false });
  expect(parsed.args).toEqual(["busybox", "ls", "-a", "--all", "--"]);
});

test.each([
  [["--nosuch"], "unknown flag: --nosuch"],
  [["--nosuch=1"], "unknown flag: --nosuch"],
  [["-z"], "unknown shorthand flag: 'z' in -z"],
  [["-azt"], "unknown shorthand flag: 'z' in -zt"],
  [["--env"], "flag needs an argument: --env"],
  [["-e"], "flag needs an argument: 'e' in -e"],
  [["-ae"], "flag needs an argument: 'e' in -e"],
  [
    ["-n", "abc"],
    'invalid argument "abc" for "-n, --last" flag: strconv.ParseInt: parsing "abc": invalid syntax',
  ],
  [["-a=x"], 'invalid argument "x" for "-a, --all" flag: strconv.ParseBool: parsing "x": invalid syntax'],
  [["---x"], "bad flag syntax: ---x"],
])("parse: %j is refused in pflag's words", (argv, words) => {
  expect(failure(...argv)).toBe(words);
});

test("parse: --help and a free -h ask for help", () => {
  expect(() => parse(flags, ["--help"])).toThrow(HelpWanted);
  expect(() => parse(flags, ["-ah"])).toThrow(HelpWanted);
});

test("parse: what was given is known, what was not has its initial value", () => {
  const { given, values } = parse(flags, ["--name="]);
  expect([...given]).toEqual(["name"]);
  expect(values).toMatchObject({ name: "", "sig-proxy": true, last: undefined });
});

test("nearest: a slip of the fingers is found, another word is not", () => {
  expect(nearest("imgaes", ["images", "info"])).toBe("images");
  expect(nearest("bogus", ["logs", "top"])).toBeUndefined();
});
