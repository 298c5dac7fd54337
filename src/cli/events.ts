import { type EventMessage, events as eventsEndpoint } from "../api/system.ts";
import { exactly, verb } from "./command.ts";
import { ExitError } from "./exit.ts";
import { encodeFilters, filterFlag } from "./filters.ts";
import { string } from "./flag.ts";
import { localTime } from "./human.ts";
import { unixTime } from "./logs.ts";
import { print } from "./output.ts";
import { Template } from "./template/evaluate.ts";
import { TemplateError } from "./template/lex.ts";
import { goJson } from "./template/print.ts";

export const events = verb({
  usage: "[OPTIONS]",
  about: "Get real time events from the server",
  args: exactly(0),
  flags: {
    filter: filterFlag(),
    format: string(
      "",
      "Format output using a custom template:\n'json': Print in JSON format\n'TEMPLATE': Print output using the given Go template",
    ),
    since: string("", "Show all events created since timestamp"),
    until: string("", "Stream events until this timestamp"),
  },
  run: async ({ flags, client }) => {
    const show = printer(flags.format);
    const messages = await client.call(eventsEndpoint, {
      since: flags.since === "" ? undefined : unixTime(flags.since, "since"),
      until: flags.until === "" ? undefined : unixTime(flags.until, "until"),
      filters: encodeFilters(flags.filter),
    });
    for await (const message of messages) print(show(message));
    return 0;
  },
});

/** Docker ends with 64 when the template is wrong. */
function printer(format: string): (message: EventMessage) => string {
  if (format === "") return line;
  if (format === "json") return (message) => goJson(message);
  const guarded = <T>(body: () => T): T => {
    try {
      return body();
    } catch (error) {
      if (error instanceof TemplateError) throw new ExitError(64, `Error parsing format: ${error.message}`);
      throw error;
    }
  };
  const template = guarded(
    () =>
      new Template(format, (name) => {
        if (/^(Status|ID|From)$/i.test(name)) return ""; // left out when empty
        throw new TemplateError(`can't evaluate field ${name} in type *events.Message`);
      }),
  );
  return (message) => guarded(() => template.run(message));
}

/** `2026-11-22T03:28:59.774233706Z container start <id> (image=busybox, name=x)` */
function line({ time, timeNano, Type, Action, Actor }: EventMessage): string {
  const nanos = timeNano === undefined ? BigInt(time) * 1_000_000_000n : BigInt(timeNano);
  const fraction = `.${String(nanos % 1_000_000_000n).padStart(9, "0")}`;
  const when = localTime(new Date(Number(nanos / 1_000_000n)), fraction);
  const attributes = Object.entries(Actor.Attributes ?? {})
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`)
    .join(", ");
  return `${when} ${Type} ${Action} ${Actor.ID}${attributes ? ` (${attributes})` : ""}`;
}
