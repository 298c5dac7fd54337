import type { Flag, Flags } from "./flag.ts";

interface Described {
  readonly usage: string;
  readonly about: string;
  readonly examples?: readonly string[];
  readonly flags: Flags;
}

/** The help of one verb, laid out as Docker's. */
export function usageOf(path: string, names: readonly string[], command: Described): string {
  const parts = [`Usage:  ${path} ${command.usage}`.trimEnd(), command.about];
  if (names.length > 1) parts.push(`Aliases:\n  ${names.join(", ")}`);
  const options = optionLines(command.flags);
  if (options.length > 0) parts.push(`Options:\n${options.join("\n")}`);
  if (command.examples?.length)
    parts.push(`Examples:\n${command.examples.map((one) => `  ${one}`).join("\n")}`);
  return parts.join("\n\n");
}

export function optionLines(flags: Flags): string[] {
  const shown = Object.entries(flags)
    .filter(([, flag]) => !flag.hidden)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const heads = shown.map(([name, flag]) => head(name, flag));
  const width = Math.max(0, ...heads.map((text) => text.length)) + 3;
  const room = Math.max(24, (process.stdout.isTTY ? process.stdout.columns : 80) - width);
  return shown.flatMap(([, flag], index) => {
    const words = flag.shown ? `${flag.help} (default ${flag.shown})` : flag.help;
    return wrap(words, room).map((line, row) =>
      `${(row === 0 ? heads[index]! : "").padEnd(width)}${line}`.trimEnd(),
    );
  });
}

const head = (name: string, flag: Flag<unknown>): string =>
  `  ${flag.short ? `-${flag.short}, ` : "    "}--${name}${flag.hint ? ` ${flag.hint}` : ""}`;

function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const paragraph of text.split("\n")) {
    let line = "";
    for (const word of paragraph.split(" ")) {
      if (line !== "" && line.length + 1 + word.length > width) {
        lines.push(line);
        line = "";
      }
      line += line === "" ? word : ` ${word}`;
    }
    lines.push(line);
  }
  return lines;
}
