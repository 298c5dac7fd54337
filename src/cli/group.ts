import { type CommandDef, defineCommand, runCommand } from "citty";
import type { App } from "./app.ts";
import { execute } from "./command.ts";
import { print, printError } from "./output.ts";
import { nearest } from "./parse.ts";
import { callsOf, GROUPS, ROWS, type Row } from "./rows.ts";

type Command = CommandDef<Record<string, never>>;

/** `bunker container …`, `bunker image …`: ends the process with the verb's exit code. Verbs are loaded when named. */
export async function runGroup(app: App, name: string, argv: readonly string[]): Promise<never> {
  const rows = ROWS.filter((row) => row.group === name);
  const known = new Set(rows.flatMap((row) => row.names!));
  const [verb] = argv;
  if (verb === undefined || !known.has(verb)) process.exit(groupHelp(name, rows, verb));
  const subCommands: Record<string, () => Command> = {};
  for (const row of rows) for (const verb of row.names!) subCommands[verb] = () => leaf(app, name, verb, row);
  const group = defineCommand({ meta: { name, description: GROUPS[name] }, subCommands });
  await runCommand(group, { rawArgs: [...argv] });
  process.exit(0);
}

/** Flags are Docker's, not citty's: they reach the verb as they were typed. */
const leaf = (app: App, group: string, verb: string, row: Row): Command =>
  defineCommand({
    meta: { name: verb, description: row.about },
    run: async ({ rawArgs }) => {
      process.exit(await execute(app, `bunker ${group} ${verb}`, callsOf(row), await row.load(), rawArgs));
    },
  });

/** What a group says when no verb of its own was named. Returns the exit code. */
function groupHelp(name: string, rows: readonly Row[], verb: string | undefined): number {
  const usage = `Usage:  bunker ${name}`;
  if (verb === undefined || verb === "--help" || verb === "-h") {
    const say = verb === undefined ? printError : print;
    const lines = rows
      .map((row) => `  ${row.names![0]!.padEnd(11)} ${row.about}`)
      .sort()
      .join("\n");
    const pointer = `Run 'bunker ${name} COMMAND --help' for more information on a command.`;
    say(`${usage} COMMAND\n\n${GROUPS[name]}\n\nCommands:\n${lines}\n\n${pointer}`);
    return 0;
  }
  const isFlag = verb.startsWith("-");
  const words = isFlag ? `unknown flag: ${verb}` : `bunker: unknown command: bunker ${name} ${verb}`;
  const near = nearest(
    verb,
    rows.flatMap((row) => row.names!),
  );
  const hint = near && `Did you mean 'bunker ${name} ${near}'?`;
  const pointer = `Run 'bunker ${name} --help' for more information`;
  printError([words, usage, hint, pointer].filter(Boolean).join("\n\n"));
  return isFlag ? 125 : 1;
}
