import { TarReader } from "../archive/tar.ts";
import { internal } from "../base/errors.ts";
import type { Layers } from "../layer/store.ts";

/** A small image in memory, taken apart: its config, and its one layer put to disk. */
export function putBuiltin(archive: Uint8Array, layers: Layers): Uint8Array {
  const files = filesOf(archive);
  const manifest = JSON.parse(Buffer.from(file(files, "manifest.json")).toString());
  const { Config, Layers: names } = manifest[0];
  if (names.length !== 1) throw internal("the built-in image has more than one layer");
  layers.registerNow(file(files, names[0]));
  return file(files, Config);
}

function filesOf(archive: Uint8Array): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  const reader = new TarReader();
  let name = "";
  // The whole archive is one piece, so each member's data is one as well.
  for (const event of reader.push(archive)) {
    if (event.kind === "entry") name = event.entry.name;
    else if (event.kind === "data") files.set(name, event.data);
  }
  return files;
}

function file(files: ReadonlyMap<string, Uint8Array>, name: string): Uint8Array {
  const bytes = files.get(name);
  if (!bytes) throw internal(`the built-in image has no ${name}`);
  return bytes;
}
