import { createReadStream, fstatSync } from "node:fs";
import { isatty } from "node:tty";
import { imageCreate, imageLoad, imageRemove, imageTag } from "../api/images.ts";
import { atLeast, exactly, verb } from "./command.ts";
import { report } from "./exit.ts";
import { bool, list, optional, string } from "./flag.ts";
import { openNamed } from "./flags/environment.ts";
import { withDaemon } from "./oneshot.ts";
import { print, printRaw } from "./output.ts";
import { showProgress } from "./progress.ts";
import { pullImage } from "./pull.ts";
import { type ImageName, parseImageName } from "./reference.ts";

export const pull = verb({
  usage: "[OPTIONS] NAME[:TAG|@DIGEST]",
  about: "Download an image from a registry",
  args: exactly(1),
  flags: {
    "all-tags": bool("a", "Download all tagged images in the repository"),
    platform: optional("", "Set platform if server is multi-platform capable"),
    quiet: bool("q", "Suppress verbose output"),
  },
  run: async ({ flags, args, app }) => {
    const name = parseImageName(args[0]!);
    const allTags = flags["all-tags"];
    if (allTags && (name.tag || name.digest)) throw new Error("tag can't be used with --all-tags/-a");
    if (!allTags && !name.tag && !name.digest && !flags.quiet) print("Using default tag: latest");
    const full = await withDaemon(app, () => pullImage(app.client, args[0]!, { ...flags, allTags, fd: 1 }));
    print(full);
    return 0;
  },
});

export const load = verb({
  usage: "[OPTIONS]",
  about: "Load an image from a tar archive or STDIN",
  args: exactly(0),
  flags: {
    input: string("i", "Read from tar archive file, instead of STDIN"),
    platform: optional("", "Load only the given platform variant"),
    quiet: bool("q", "Suppress the load output"),
  },
  run: async ({ flags, app }) => {
    if (flags.input === "" && isatty(0)) throw new Error("requested load from stdin, but stdin is empty");
    const body = flags.input === "" ? stdin() : fileBlocks(flags.input);
    const how = { quiet: flags.quiet || !isatty(1) || undefined, platform: flags.platform };
    const lines = withDaemon(app, () => app.client.call(imageLoad, { ...how, body }));
    await showProgress(await lines, 1);
    return 0;
  },
});

/** Large blocks: the engine unpacks faster than small ones can be sent. Throws in Go's words when it cannot be opened. */
function fileBlocks(path: string): AsyncIterable<Uint8Array> {
  const fd = openNamed(path);
  if (fstatSync(fd).isDirectory()) throw new Error(`read ${path}: is a directory`);
  return createReadStream(path, { fd, highWaterMark: 1 << 20 });
}

export const importImage = verb({
  usage: "[OPTIONS] file|URL|- [REPOSITORY[:TAG]]",
  about: "Import the contents from a tarball to create a filesystem image",
  args: { min: 1, max: 2 },
  flags: {
    change: list("c", "Apply Dockerfile instruction to the created image"),
    message: string("m", "Set commit message for imported image"),
    platform: optional("", "Set platform if server is multi-platform capable"),
  },
  run: async ({ flags, args: [source, reference], app }) => {
    const name = reference === undefined ? undefined : parseImageName(reference);
    const isUrl = /^https?:\/\//.test(source!);
    const input = {
      fromSrc: isUrl ? source : "-",
      repo: name?.familiar,
      tag: name && (name.tag ?? "latest"),
      message: flags.message || undefined,
      changes: flags.change.length > 0 ? flags.change : undefined,
      platform: flags.platform,
      body: isUrl ? nothing() : source === "-" ? stdin() : fileBlocks(source!),
    };
    await showProgress(await withDaemon(app, () => app.client.call(imageCreate, input)), 1);
    return 0;
  },
});

const stdin = (): AsyncIterable<Uint8Array> => Bun.stdin.stream() as AsyncIterable<Uint8Array>;

async function* nothing(): AsyncGenerator<Uint8Array> {}

export const tag = verb({
  usage: "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
  about: "Create a tag TARGET_IMAGE that refers to SOURCE_IMAGE",
  args: exactly(2),
  flags: {},
  run: async ({ args: [source, target], client }) => {
    const name = readTarget(target!);
    if (name.digest) throw new Error("refusing to create a tag with a digest reference");
    await client.call(imageTag, { name: source!, repo: name.familiar, tag: name.tag ?? "latest" });
    return 0;
  },
});

function readTarget(text: string): ImageName {
  try {
    return parseImageName(text);
  } catch (cause) {
    const words = `${JSON.stringify(text)} is not a valid repository/tag: ${(cause as Error).message}`;
    throw new Error(`Error parsing reference: ${words}`, { cause });
  }
}

export const rmi = verb({
  usage: "[OPTIONS] IMAGE [IMAGE...]",
  about: "Remove one or more images",
  args: atLeast(1),
  flags: {
    force: bool("f", "Force removal of the image"),
    "no-prune": bool("", "Do not delete untagged parents"),
  },
  run: async ({ flags, args, client }) => {
    let code = 0;
    for (const name of args)
      try {
        const done = await client.call(imageRemove, {
          name,
          force: flags.force || undefined,
          noprune: flags["no-prune"] || undefined,
        });
        for (const one of done)
          printRaw("Untagged" in one ? `Untagged: ${one.Untagged}\n` : `Deleted: ${one.Deleted}\n`);
      } catch (error) {
        code = Math.max(
          code,
          flags.force && /No such image/.test(String(error)) ? report(error, 0) : report(error),
        );
      }
    return code;
  },
});
