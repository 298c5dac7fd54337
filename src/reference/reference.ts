import { invalid } from "../base/errors.ts";

/** A name of an image, normalised: `busybox` is `{ domain: "docker.io", path: "library/busybox" }`. */
export interface Reference {
  readonly domain: string;
  readonly path: string;
  readonly tag?: string;
  readonly digest?: string;
}

export const DEFAULT_DOMAIN = "docker.io";
export const DEFAULT_TAG = "latest";
const OFFICIAL = "library/";

/* The grammar of distribution/reference (regexp.go), by its names there. */
const COMPONENT = "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*";
const DOMAIN_COMPONENT = "(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])";
const DOMAIN = `(?:${DOMAIN_COMPONENT}(?:\\.${DOMAIN_COMPONENT})*|\\[(?:[a-fA-F0-9:]+)\\])(?::[0-9]+)?`;
const TAG = "[\\w][\\w.-]{0,127}";
const DIGEST = "[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}";
const REFERENCE = new RegExp(
  `^((?:${DOMAIN}/)?${COMPONENT}(?:/${COMPONENT})*)(?::(${TAG}))?(?:@(${DIGEST}))?$`,
);
const ONLY_TAG = new RegExp(`^${TAG}$`);
const ONLY_DIGEST = /^sha256:[0-9a-f]{64}$/;
const ONLY_ID = /^[a-f0-9]{64}$/;

/** Longest path, without the domain (reference.RepositoryNameTotalLengthMax). */
const MAX_NAME = 255;

/**
 * Reads a name as people write it: `busybox`, `me/app:1`, `host:5000/a/b@sha256:…`.
 * Throws `invalid` in distribution/reference's words.
 */
export function parseReference(text: string): Reference {
  if (ONLY_ID.test(text))
    throw invalid(`invalid repository name (${text}), cannot specify 64-byte hexadecimal strings`);
  const [domain, remainder] = split(text);
  const colon = remainder.indexOf(":");
  const remote = colon < 0 ? remainder : remainder.slice(0, colon);
  if (remote.toLowerCase() !== remote)
    throw invalid(`invalid reference format: repository name (${remote}) must be lowercase`);
  const found = REFERENCE.exec(`${domain}/${remainder}`);
  if (!found) throw invalid("invalid reference format");
  const path = found[1]!.slice(domain.length + 1);
  if (path.length > MAX_NAME)
    throw invalid(`invalid reference format: repository name must not be more than ${MAX_NAME} characters`);
  if (found[3] !== undefined && !ONLY_DIGEST.test(found[3])) throw invalid(digestComplaint(found[3]));
  return {
    domain,
    path,
    ...(found[2] === undefined ? {} : { tag: found[2] }),
    ...(found[3] === undefined ? {} : { digest: found[3] }),
  };
}

/** go-digest's words for what is no digest of ours. */
function digestComplaint(digest: string): string {
  if (!digest.startsWith("sha256:")) return "unsupported digest algorithm";
  return digest.length === 71 ? "invalid checksum digest format" : "invalid checksum digest length";
}

/** The first part is a host when it looks like one: a dot, a colon, `localhost`, or an upper-case letter. */
function split(text: string): [domain: string, remainder: string] {
  const slash = text.indexOf("/");
  const first = slash < 0 ? "" : text.slice(0, slash);
  const host = slash >= 0 && (/[.:]/.test(first) || first === "localhost" || first.toLowerCase() !== first);
  let domain = host ? first : DEFAULT_DOMAIN;
  const remainder = host ? text.slice(slash + 1) : text;
  if (domain === "index.docker.io") domain = DEFAULT_DOMAIN;
  return [domain, domain === DEFAULT_DOMAIN && !remainder.includes("/") ? OFFICIAL + remainder : remainder];
}

/** Throws `invalid` when it could not be a tag. */
export function checkTag(tag: string): string {
  if (!ONLY_TAG.test(tag)) throw invalid("invalid tag format");
  return tag;
}

/** `docker.io/library/busybox` */
export const repositoryOf = (ref: Reference): string => `${ref.domain}/${ref.path}`;

/** `docker.io/library/busybox:latest`, with the digest when there is one. */
export const fullName = (ref: Reference): string => repositoryOf(ref) + suffix(ref);

/** `busybox`: the repository as people write it. */
export function familiarRepository(ref: Reference): string {
  if (ref.domain !== DEFAULT_DOMAIN) return repositoryOf(ref);
  const short = ref.path.startsWith(OFFICIAL) ? ref.path.slice(OFFICIAL.length) : ref.path;
  return short.includes("/") ? ref.path : short;
}

/** `busybox:latest`: the name as people write it. */
export const familiarName = (ref: Reference): string => familiarRepository(ref) + suffix(ref);

const suffix = (ref: Reference): string =>
  (ref.tag === undefined ? "" : `:${ref.tag}`) + (ref.digest === undefined ? "" : `@${ref.digest}`);

/** The same with the tag `latest` when it has neither tag nor digest. */
export const withDefaultTag = (ref: Reference): Reference =>
  ref.tag === undefined && ref.digest === undefined ? { ...ref, tag: DEFAULT_TAG } : ref;
