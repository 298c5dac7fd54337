/** An image's name as the command line needs it; the engine reads the whole grammar. */
export interface ImageName {
  /** `docker.io/library/busybox` */
  readonly full: string;
  /** `busybox` */
  readonly familiar: string;
  readonly tag: string | undefined;
  readonly digest: string | undefined;
}

const COMPONENT = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const TAG = /^[\w][\w.-]{0,127}$/;
const DIGEST = /^[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}$/;

/** Reads `[domain/]path[:tag][@digest]` (distribution/reference). Throws `invalid reference format…`. */
export function parseImageName(text: string): ImageName {
  const [named, digest] = cut(text, "@");
  if (digest !== undefined && !DIGEST.test(digest)) throw new Error("invalid reference format");
  const slash = named.lastIndexOf("/");
  const colon = named.indexOf(":", slash + 1);
  const name = colon < 0 ? named : named.slice(0, colon);
  const tag = colon < 0 ? undefined : named.slice(colon + 1);
  if (tag !== undefined && !TAG.test(tag)) throw new Error("invalid reference format");
  const { domain, path } = splitDomain(name);
  if (path !== path.toLowerCase())
    throw new Error(`invalid reference format: repository name (${path}) must be lowercase`);
  if (!path.split("/").every((part) => COMPONENT.test(part))) throw new Error("invalid reference format");
  const familiar = domain === "docker.io" ? path.replace(/^library\/(?=[^/]+$)/, "") : `${domain}/${path}`;
  return { full: `${domain}/${path}`, familiar, tag, digest };
}

function cut(text: string, at: string): [string, string | undefined] {
  const index = text.indexOf(at);
  return index < 0 ? [text, undefined] : [text.slice(0, index), text.slice(index + 1)];
}

function splitDomain(name: string): { domain: string; path: string } {
  const slash = name.indexOf("/");
  const first = name.slice(0, Math.max(slash, 0));
  const isDomain = /[.:]/.test(first) || first === "localhost" || first !== first.toLowerCase();
  const [domain, path] = isDomain ? [first, name.slice(slash + 1)] : ["docker.io", name];
  const official = domain === "index.docker.io" ? "docker.io" : domain;
  return {
    domain: official,
    path: official === "docker.io" && !path.includes("/") ? `library/${path}` : path,
  };
}

/** `busybox:latest`, `busybox@sha256:…`: the name with what picks the image. */
export const pickedName = (name: ImageName, base = name.familiar): string =>
  name.digest ? `${base}@${name.digest}` : `${base}:${name.tag ?? "latest"}`;
