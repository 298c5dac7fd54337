import { lstatSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { isOpaque } from "../sys/at.ts";

const MAX_LINKS = 40;

/**
 * The text of a file as an overlay of `layers` (topmost first) would show it, without mounting one; undefined when there is
 * none. Honours whiteouts and opaque directories (overlayfs.rst), and links, which end inside. For trees that nobody changes.
 */
export function readLayered(layers: readonly string[], path: string): string | undefined {
  const todo = path.split("/").filter((name) => name !== "");
  let done: string[] = [];
  let within = layers;
  let links = 0;
  while (todo.length > 0) {
    const name = todo.shift()!;
    if (name === ".") continue;
    if (name === "..") {
      todo.unshift(...done.slice(0, -1));
      done = [];
      within = layers;
      continue;
    }
    const found = look(within, [...done, name].join("/"));
    if (!found) return undefined;
    if (found.kind === "link") {
      if (++links > MAX_LINKS) return undefined;
      const said = found.says.split("/").filter((part) => part !== "");
      todo.unshift(...(found.says.startsWith("/") ? said : [...done, ...said]));
      done = [];
      within = layers;
    } else if (found.kind === "folder") {
      done.push(name);
      within = found.layers;
    } else {
      return todo.length === 0 ? readFileSync(found.path, "utf8") : undefined;
    }
  }
  return undefined;
}

type Found =
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "link"; readonly says: string }
  | { readonly kind: "folder"; readonly layers: readonly string[] };

/** What the topmost layer that knows of `path` has there; a folder with all layers that add to it. */
function look(layers: readonly string[], path: string): Found | undefined {
  const merged: string[] = [];
  for (const layer of layers) {
    const full = join(layer, path);
    const stat = lstatSync(full, { throwIfNoEntry: false });
    if (!stat) continue;
    if (stat.isDirectory()) {
      merged.push(layer);
      if (isOpaque(full)) break;
      continue;
    }
    if (merged.length > 0 || (stat.isCharacterDevice() && stat.rdev === 0)) break;
    if (stat.isSymbolicLink()) return { kind: "link", says: readlinkSync(full) };
    return stat.isFile() ? { kind: "file", path: full } : undefined;
  }
  return merged.length > 0 ? { kind: "folder", layers: merged } : undefined;
}
