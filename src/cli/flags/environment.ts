import { fs } from "../../base/node.ts";

/** `-e NAME=value`, or `-e NAME` for the client's own value; the engine drops a name that has none. */
export function validEnv(text: string): string {
  if (text.startsWith("=") || text === "") throw new Error(`invalid environment variable: ${text}`);
  if (text.includes("=")) return text;
  const own = process.env[text];
  return own === undefined ? text : `${text}=${own}`;
}

/** The lines of a file of variables: blank lines and comments left out, a bare NAME taken from the client if it has it. */
export const readEnvFile = (path: string): string[] =>
  readPairs(path).flatMap(([name, value]) => {
    const known = value ?? process.env[name];
    return known === undefined ? [] : [`${name}=${known}`];
  });

/** Likewise for labels: a bare key is a label with an empty value. */
export const readLabelFile = (path: string): string[] =>
  readPairs(path).map(([name, value]) => `${name}=${value ?? ""}`);

function readPairs(path: string): [string, string | undefined][] {
  const pairs: [string, string | undefined][] = [];
  for (const raw of readText(path)
    .replace(/^\ufeff/, "")
    .split(/\r?\n/)) {
    const line = raw.trimStart();
    if (line === "" || line.startsWith("#")) continue;
    const equals = line.indexOf("=");
    const name = equals < 0 ? line : line.slice(0, equals);
    if (name === "") throw new Error(`invalid env file (${path}): no variable name on line '${line}'`);
    if (/\s/.test(name))
      throw new Error(`invalid env file (${path}): variable '${name}' contains whitespaces`);
    pairs.push([name, equals < 0 ? undefined : line.slice(equals + 1)]);
  }
  return pairs;
}

export const readText = (path: string): string => fs().readFileSync(openNamed(path), "utf8");

/** Opens a file that the user named; its absence is said as Go says it. */
export function openNamed(path: string): number {
  try {
    return fs().openSync(path, "r");
  } catch (error) {
    const { code } = error as { code?: string };
    const why =
      code === "ENOENT" ? "no such file or directory" : code === "EACCES" ? "permission denied" : code;
    throw new Error(`open ${path}: ${why}`, { cause: error });
  }
}

/** `k=v` pairs; a bare `k` has an empty value. */
export function keyValues(pairs: readonly string[]): Record<string, string> {
  const result: Record<string, string> = {};
  for (const pair of pairs) {
    const equals = pair.indexOf("=");
    if (equals < 0) result[pair] = "";
    else result[pair.slice(0, equals)] = pair.slice(equals + 1);
  }
  return result;
}

/** One line of comma separated values; a value with commas stands in double quotes (RFC 4180). */
export function csv(text: string): string[] {
  const fields: string[] = [];
  for (const [, quoted, bare] of text.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g))
    fields.push(quoted === undefined ? bare! : quoted.replaceAll('""', '"'));
  return fields;
}
