import { containerInspect, containerLogs } from "../api/containers.ts";
import { parseTime } from "../base/units.ts";
import type { Client } from "../client/client.ts";
import { exactly, verb } from "./command.ts";
import { bool, string } from "./flag.ts";
import { copyOut } from "./pump.ts";

export const logs = verb({
  usage: "[OPTIONS] CONTAINER",
  about: "Fetch the logs of a container",
  args: exactly(1),
  flags: {
    details: bool("", "Show extra details provided to logs"),
    follow: bool("f", "Follow log output"),
    since: string(
      "",
      'Show logs since timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)',
    ),
    tail: string("n", "Number of lines to show from the end of the logs", "all"),
    timestamps: bool("t", "Show timestamps"),
    until: string(
      "",
      'Show logs before a timestamp (e.g. "2013-01-02T13:23:37Z") or relative (e.g. "42m" for 42 minutes)',
    ),
  },
  run: async ({ flags, args, client }) => {
    const name = args[0]!;
    const { contentType, chunks } = await client.call(containerLogs, {
      name,
      stdout: true,
      stderr: true,
      follow: flags.follow || undefined,
      since: flags.since === "" ? undefined : unixTime(flags.since, "since"),
      until: flags.until === "" ? undefined : unixTime(flags.until, "until"),
      timestamps: flags.timestamps || undefined,
      tail: flags.tail === "all" ? undefined : flags.tail,
      details: flags.details || undefined,
    });
    await copyOut(chunks, await isRaw(client, name, contentType));
    return 0;
  },
});

/** An engine since API 1.42 says whether the stream has frames; an older one must be asked for the terminal. */
async function isRaw(client: Client, name: string, contentType: string): Promise<boolean> {
  if (contentType.includes("multiplexed")) return false;
  return (await client.call(containerInspect, { name })).Config.Tty === true;
}

/** `seconds.nanoseconds`, whatever way it was written. */
export function unixTime(text: string, what: string): string {
  try {
    const nanos = parseTime(text);
    return `${nanos / 1_000_000_000n}.${String(nanos % 1_000_000_000n).padStart(9, "0")}`;
  } catch (cause) {
    throw new Error(`invalid value for ${JSON.stringify(what)}: ${(cause as Error).message}`, { cause });
  }
}
