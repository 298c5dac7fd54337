import type { App } from "./app.ts";
import { exactly, type LoadedVerb, verb } from "./command.ts";
import { printRaw } from "./output.ts";

export const completion = verb({
  usage: "bash|zsh|fish",
  about: "Print a completion script for bash, zsh or fish",
  examples: [
    "bunker completion bash > /etc/bash_completion.d/bunker",
    "bunker completion zsh > ~/.zfunc/_bunker",
    "bunker completion fish > ~/.config/fish/completions/bunker.fish",
  ],
  args: exactly(1),
  flags: {},
  run: async ({ args: [shell] }) => {
    const script = SCRIPTS[shell!];
    if (!script) throw new Error(`no completion for ${JSON.stringify(shell)}: choose bash, zsh or fish`);
    printRaw(script);
    return 0;
  },
});

/** The scripts ask the executable itself (`bunker __complete WORDS…`), so they never grow old. */
const SCRIPTS: Readonly<Record<string, string>> = {
  bash: `_bunker() {
  local IFS=$'\\n'
  COMPREPLY=($(compgen -W "$(bunker __complete "\${COMP_WORDS[@]:1:COMP_CWORD-1}" 2>/dev/null)" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _bunker bunker
`,
  zsh: `#compdef bunker
_bunker() {
  local -a found
  found=("\${(@f)$(bunker __complete "\${(@)words[2,CURRENT-1]}" 2>/dev/null)}")
  compadd -a found
}
compdef _bunker bunker
`,
  fish: `complete -c bunker -f -a '(bunker __complete (commandline -opc)[2..] 2>/dev/null)'
`,
};

interface Known {
  readonly top?: string;
  readonly group?: string;
  readonly names?: readonly string[];
  readonly load: () => Promise<LoadedVerb>;
}

/** What may stand after `words`: verbs, flags, and the names of what the engine has. One a line. */
export async function completions(
  app: App,
  words: readonly string[],
  rows: readonly Known[],
  groups: readonly string[],
): Promise<string[]> {
  const [first, second] = words;
  if (first === undefined) return [...rows.flatMap((row) => row.top ?? []), ...groups];
  const isGroup = groups.includes(first);
  const inGroup = rows.filter((row) => row.group === first);
  if (isGroup && second === undefined) return inGroup.flatMap((row) => row.names!.slice(0, 1));
  const row = isGroup
    ? inGroup.find((one) => one.names!.includes(second!))
    : rows.find((one) => one.top === first);
  if (!row) return [];
  const { flags, usage } = await row.load();
  const shown = Object.entries(flags).filter(([, flag]) => !flag.hidden);
  const names = await namesFor(app, usage).catch(() => []);
  return [...names, ...shown.map(([name]) => `--${name}`), "--help"];
}

/** The usage says what is wanted: `CONTAINER`, `IMAGE`, `NETWORK`, `VOLUME`. */
async function namesFor(app: App, usage: string): Promise<string[]> {
  const what = /\b(CONTAINER|IMAGE|NETWORK|VOLUME|NAME\|ID)\b/.exec(usage)?.[1];
  const { client } = app;
  if (what === "CONTAINER" || what === "NAME|ID") {
    const { containerList } = await import("../api/containers.ts");
    const found = await client.call(containerList, { all: true });
    return found.flatMap(({ Names }) => Names.map((name) => name.slice(1)));
  }
  if (what === "IMAGE") {
    const { imageList } = await import("../api/images.ts");
    return (await client.call(imageList, {})).flatMap(({ RepoTags }) => RepoTags ?? []);
  }
  if (what === "NETWORK") {
    const { networkList } = await import("../api/networks.ts");
    return (await client.call(networkList, {})).map(({ Name }) => Name);
  }
  if (what !== "VOLUME") return [];
  const { volumeList } = await import("../api/volumes.ts");
  return ((await client.call(volumeList, {})).Volumes ?? []).map(({ Name }) => Name);
}
