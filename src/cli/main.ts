import { build } from "../base/build.ts";
import { App } from "./app.ts";
import { execute } from "./command.ts";
import { bool, type Flags, optional } from "./flag.ts";
import { print, printError } from "./output.ts";
import { HelpWanted, nearest, parse, UsageError } from "./parse.ts";
import { callsOf, GROUPS, ROWS } from "./rows.ts";
import { optionLines } from "./usage.ts";

const globalFlags = {
  debug: bool("D", "Enable debug mode: errors are shown with where they come from"),
  host: optional("H", "Daemon socket to connect to"),
  tls: bool("", "Use TLS; implied by --tlsverify"),
  tlscacert: optional("", "Trust certs signed only by this CA"),
  tlscert: optional("", "Path to TLS certificate file"),
  tlskey: optional("", "Path to TLS key file"),
  tlsverify: bool("", "Use TLS and verify the remote"),
  version: bool("v", "Print version information and quit"),
} satisfies Flags;

/** Runs one command line and ends the process with its exit code. */
export async function main(argv: readonly string[]): Promise<never> {
  try {
    process.exit(await dispatch(argv));
  } catch (error) {
    if (error instanceof HelpWanted) {
      print(help());
      process.exit(0);
    }
    if (!(error instanceof UsageError)) throw error;
    const pointer = "Run 'bunker --help' for more information";
    const usage = error.code === 125 ? "Usage:  bunker [OPTIONS] COMMAND [ARG...]" : undefined;
    printError([error.message, usage, error.hint, pointer].filter(Boolean).join("\n\n"));
    process.exit(error.code);
  }
}

async function dispatch(argv: readonly string[]): Promise<number> {
  // Docker's client takes the global flags before the verb only
  const { values, args } = parse(globalFlags, argv, true);
  if (values.version) {
    print(`bunker version ${build.version}, build ${build.commit}`);
    return 0;
  }
  const [name] = args;
  if (name === undefined) throw new HelpWanted();
  if (name === "__complete") {
    const { completions } = await import("./completion.ts");
    const app = new App({ host: values.host });
    print((await completions(app, args.slice(1), ROWS, Object.keys(GROUPS))).join("\n"));
    return 0;
  }
  if (name === "help") return dispatch([...args.slice(1), "--help"]);
  const options = {
    host: values.host,
    tls: values.tls,
    tlsVerify: values.tlsverify || undefined,
    tlsCaCert: values.tlscacert,
    tlsCert: values.tlscert,
    tlsKey: values.tlskey,
  };
  const app = new App(options, values.debug);
  const row = ROWS.find((one) => one.top === name);
  // a verb by its own name goes without citty, whose node:util costs each command 1 ms
  if (row) return execute(app, `bunker ${name}`, callsOf(row), await row.load(), args.slice(1));
  if (Object.hasOwn(GROUPS, name)) return (await import("./group.ts")).runGroup(app, name, args.slice(1));
  const near = nearest(name, [...ROWS.flatMap((one) => one.top ?? []), ...Object.keys(GROUPS)]);
  throw new UsageError(`bunker: unknown command: bunker ${name}`, {
    code: 1,
    hint: near && `Did you mean 'bunker ${near}'?`,
  });
}

const COMMON = ["run", "exec", "ps", "pull", "images", "version", "info"];

function help(): string {
  const line = (name: string, about: string) => `  ${name.padEnd(11)} ${about}`;
  const tops = ROWS.filter((row) => row.top !== undefined);
  const rest = tops.filter((row) => !COMMON.includes(row.top!)).sort((a, b) => (a.top! < b.top! ? -1 : 1));
  const common = COMMON.map((name) => tops.find((row) => row.top === name)!);
  return [
    "Usage:  bunker [OPTIONS] COMMAND",
    "The whole Docker engine in one executable",
    `Common Commands:\n${common.map((row) => line(row.top!, row.about)).join("\n")}`,
    `Management Commands:\n${Object.entries(GROUPS)
      .map(([name, about]) => line(name, about))
      .join("\n")}`,
    `Commands:\n${rest.map((row) => line(row.top!, row.about)).join("\n")}`,
    `Global Options:\n${optionLines(globalFlags).join("\n")}`,
    "Run 'bunker COMMAND --help' for more information on a command.",
  ].join("\n\n");
}
