import { type HistoryEntry, imageHistory } from "../api/images.ts";
import { shortId } from "../base/id.ts";
import { humanSize } from "../base/units.ts";
import { exactly, verb } from "./command.ts";
import { bool, optional, string } from "./flag.ts";
import { age, ellipsis, FORMAT_HELP, localTime } from "./human.ts";
import { print } from "./output.ts";
import { printListing, type Row } from "./table.ts";

const HEADERS = {
  ID: "IMAGE",
  CreatedSince: "CREATED",
  CreatedAt: "CREATED AT",
  CreatedBy: "CREATED BY",
  Size: "SIZE",
  Comment: "COMMENT",
};

export const history = verb({
  usage: "[OPTIONS] IMAGE",
  about: "Show the history of an image",
  args: exactly(1),
  flags: {
    format: string("", FORMAT_HELP),
    human: bool("H", "Print sizes and dates in human readable format", true),
    "no-trunc": bool("", "Don't truncate output"),
    platform: optional("", "Show history for the given platform"),
    quiet: bool("q", "Only show image IDs"),
  },
  run: async ({ flags, args, client }) => {
    const entries = await client.call(imageHistory, { name: args[0]!, platform: flags.platform });
    const rows = entries.map((entry) => historyRow(entry, flags["no-trunc"], flags.human));
    if (flags.quiet) {
      for (const row of rows) print(String(row.ID));
      return 0;
    }
    const created = flags.human ? "CreatedSince" : "CreatedAt";
    const table = `{{.ID}}\t{{.${created}}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}`;
    printListing({ type: "formatter.historyContext", headers: HEADERS, table, rows }, flags.format);
    return 0;
  },
});

function historyRow(entry: HistoryEntry, full: boolean, human: boolean): Row {
  const by = entry.CreatedBy.replaceAll("\t", " ");
  return {
    Comment: entry.Comment,
    CreatedAt: localTime(new Date(entry.Created * 1000)),
    CreatedBy: full ? by : ellipsis(by, 45),
    CreatedSince: entry.Created <= 0 ? "N/A" : human ? age(entry.Created) : String(entry.Created),
    ID: full || entry.Id === "<missing>" ? entry.Id : shortId(entry.Id),
    Size: human ? humanSize(entry.Size, 3) : String(entry.Size),
  };
}
