import { type ImageSummary, imageList } from "../api/images.ts";
import { shortId } from "../base/id.ts";
import { humanSize } from "../base/units.ts";
import { atMost, verb } from "./command.ts";
import { encodeFilters, filterFlag, withFilter } from "./filters.ts";
import { bool, string } from "./flag.ts";
import { age, FORMAT_HELP, goTime } from "./human.ts";
import { print } from "./output.ts";
import { printListing, type Row } from "./table.ts";

const HEADERS = {
  ID: "IMAGE ID",
  Repository: "REPOSITORY",
  Tag: "TAG",
  Digest: "DIGEST",
  CreatedSince: "CREATED",
  CreatedAt: "CREATED AT",
  Size: "SIZE",
  Containers: "CONTAINERS",
  VirtualSize: "SIZE",
  SharedSize: "SHARED SIZE",
  UniqueSize: "UNIQUE SIZE",
};

export const images = verb({
  usage: "[OPTIONS] [REPOSITORY[:TAG]]",
  about: "List images",
  args: atMost(1),
  flags: {
    all: bool("a", "Show all images (default hides intermediate images)"),
    digests: bool("", "Show digests"),
    filter: filterFlag(),
    format: string("", FORMAT_HELP),
    "no-trunc": bool("", "Don't truncate output"),
    quiet: bool("q", "Only show image IDs"),
  },
  run: async ({ flags, args, client }) => {
    const filters = args[0] === undefined ? flags.filter : withFilter(flags.filter, "reference", args[0]);
    const summaries = await client.call(imageList, {
      all: flags.all || undefined,
      filters: encodeFilters(filters),
    });
    const full = flags["no-trunc"];
    const digests = flags.digests || /\.Digest\b/.test(flags.format);
    const rows = summaries.flatMap((image) => imageRows(image, full, digests));
    if (flags.quiet && flags.format === "") {
      for (const row of rows) print(String(row.ID));
      return 0;
    }
    const table = `{{.Repository}}\t{{.Tag}}\t${flags.digests ? "{{.Digest}}\t" : ""}{{.ID}}\t{{.CreatedSince}}\t{{.Size}}`;
    printListing({ type: "formatter.imageContext", headers: HEADERS, table, rows }, flags.format);
    return 0;
  },
});

interface Name {
  readonly repository: string;
  readonly tag: string;
  readonly digest: string;
}

/** One row for each name; one without a name for an image that has none. */
function imageRows(image: ImageSummary, full: boolean, digests: boolean): Row[] {
  return namesOf(image, digests).map(({ repository, tag, digest }) => ({
    Containers: image.Containers < 0 ? "N/A" : String(image.Containers),
    get CreatedAt() {
      return goTime(new Date(image.Created * 1000));
    },
    CreatedSince: image.Created <= 0 ? "N/A" : age(image.Created),
    Digest: digest,
    ID: full ? image.Id : shortId(image.Id),
    Repository: repository,
    SharedSize: image.SharedSize < 0 ? "N/A" : humanSize(image.SharedSize),
    Size: humanSize(image.Size, 3),
    Tag: tag,
    UniqueSize: image.SharedSize < 0 ? "N/A" : humanSize(image.Size - image.SharedSize),
    VirtualSize: humanSize(image.Size),
  }));
}

function namesOf({ RepoTags, RepoDigests }: ImageSummary, digests: boolean): Name[] {
  const named = (RepoDigests ?? []).map((text) => {
    const at = text.lastIndexOf("@");
    return { repository: text.slice(0, at), digest: text.slice(at + 1) };
  });
  const names = (RepoTags ?? [])
    .filter((text) => text !== "<none>:<none>")
    .map((text) => {
      const colon = text.lastIndexOf(":");
      const repository = text.slice(0, colon);
      const digest = named.find((one) => one.repository === repository)?.digest ?? "<none>";
      return { repository, tag: text.slice(colon + 1), digest };
    });
  if (names.length > 0) return names;
  const first = named.find((one) => one.repository !== "<none>");
  if (!first) return [{ repository: "<none>", tag: "<none>", digest: "<none>" }];
  return digests ? named.map((one) => ({ ...one, tag: "<none>" })) : [{ ...first, tag: "<none>" }];
}
