import { EngineError, invalid } from "../base/errors.ts";
import { INDEX_TYPES, MANIFEST_TYPES } from "../oci/image.ts";
import { type Authorizer, type Credentials, isPrivate, parseChallenges } from "./auth.ts";
import { ConnectionError, refusal } from "./errors.ts";
import { type RegistryEndpoint, type Tls, tlsOf } from "./hosts.ts";

/** A manifest or an index, to the byte. */
export interface RawManifest {
  readonly mediaType: string;
  readonly bytes: Uint8Array;
  /** what the registry says it is; the caller computes it */
  readonly said?: string;
}

export interface BlobStream {
  readonly bytes: ReadableStream<Uint8Array>;
  /** Where in the blob it begins: the offset that was asked for, or 0 when the registry does not do ranges. */
  readonly offset: number;
}

/** Most registries take no manifest above it. bytes */
const MAX_MANIFEST = 4 << 20;
const MAX_REDIRECTS = 5;
const MANIFEST_ACCEPT = [...INDEX_TYPES, ...MANIFEST_TYPES].join(", ");
const MAX_TAG_PAGES = 1000;

export interface RegistryOptions {
  readonly authorizer: Authorizer;
  readonly credentials?: Credentials;
  readonly certificates?: string;
}

/**
 * One repository of one registry. distribution-spec 1.1, and Docker's v2 protocol, which is the same.
 * All throw RegistryError for a refusal and ConnectionError when nobody answers.
 */
export class Registry {
  readonly endpoint: RegistryEndpoint;
  readonly #repository: string;
  readonly #options: RegistryOptions;
  readonly #tls: Tls | undefined;
  #authorization: string | undefined;

  constructor(endpoint: RegistryEndpoint, repository: string, options: RegistryOptions) {
    this.endpoint = endpoint;
    this.#repository = repository;
    this.#options = options;
    this.#tls = tlsOf(endpoint, options.certificates);
  }

  /** Asks whether this is a v2 registry at all: who answers 401 is one. */
  async ping(signal?: AbortSignal): Promise<void> {
    const url = new URL(`${this.endpoint.base}/v2/`);
    const response = await this.#send(url, { signal });
    await response.body?.cancel();
    if (!response.ok && response.status !== 401) throw await refusal(response);
  }

  /** By tag or digest. */
  async manifest(reference: string, signal?: AbortSignal): Promise<RawManifest> {
    const response = await this.#get(`manifests/${reference}`, { Accept: MANIFEST_ACCEPT }, signal);
    const bytes = await whole(response, MAX_MANIFEST, `manifest ${reference}`);
    const said = response.headers.get("Docker-Content-Digest");
    const mediaType = (response.headers.get("Content-Type") ?? "").split(";")[0]!.trim();
    return { mediaType, bytes, ...(said ? { said } : {}) };
  }

  /** A blob from `offset` on. Its digest is the caller's to check. */
  async blob(digest: string, offset = 0, signal?: AbortSignal): Promise<BlobStream> {
    const range: Record<string, string> = offset > 0 ? { Range: `bytes=${offset}-` } : {};
    const response = await this.#get(`blobs/${digest}`, { "Accept-Encoding": "identity", ...range }, signal);
    if (!response.body) throw invalid(`blob ${digest} has no content`);
    const start = /^bytes (\d+)-/.exec(response.headers.get("Content-Range") ?? "")?.[1];
    return { bytes: response.body, offset: response.status === 206 ? Number(start ?? offset) : 0 };
  }

  /** All tags of the repository, in the registry's order. */
  async tags(signal?: AbortSignal): Promise<string[]> {
    const tags: string[] = [];
    let path = "tags/list";
    for (let page = 0; page < MAX_TAG_PAGES; page++) {
      const response = await this.#get(path, {}, signal);
      const body = (await response.json()) as { tags?: string[] | null };
      tags.push(...(body.tags ?? []));
      const next = /<([^>]+)>;\s*rel="?next"?/.exec(response.headers.get("Link") ?? "")?.[1];
      if (!next) break;
      path = `tags/list${new URL(next, response.url).search}`;
    }
    return tags;
  }

  async #get(path: string, headers: Record<string, string>, signal?: AbortSignal): Promise<Response> {
    const url = new URL(`${this.endpoint.base}/v2/${this.#repository}/${path}`);
    let response = await this.#send(url, { headers, signal });
    if (response.status === 401) {
      const challenge = response.headers.get("WWW-Authenticate") ?? "";
      const answer = await this.#answer(url, challenge, signal);
      if (answer !== undefined) {
        await response.body?.cancel();
        this.#authorization = answer;
        response = await this.#send(url, { headers, signal });
      }
    }
    if (!response.ok) throw await refusal(response);
    return response;
  }

  /** What to answer a challenge with. Credentials go over TLS, or to this very machine, and nowhere else. */
  async #answer(url: URL, header: string, signal?: AbortSignal): Promise<string | undefined> {
    const challenges = parseChallenges(header);
    const { authorizer, credentials } = this.#options;
    if (credentials && !isPrivate(url))
      throw new EngineError("unauthorized", `credentials are not sent over plain http: ${url.origin}`);
    const scope = `repository:${this.#repository}:pull`;
    const answer = await authorizer.answer(challenges, scope, credentials, (to, init) =>
      this.#fetch(new URL(to), { ...init, signal }),
    );
    if (answer === undefined && challenges.some(({ scheme }) => scheme === "basic"))
      throw new EngineError("unauthorized", `Get "${url.href}": no basic auth credentials`);
    return answer;
  }

  /** Follows redirects: `Authorization` stays with the host that it was for, and https never becomes http. */
  async #send(start: URL, init: RequestInit): Promise<Response> {
    let url = start;
    for (let hops = 0; hops <= MAX_REDIRECTS; hops++) {
      const headers = new Headers(init.headers);
      if (this.#authorization && url.origin === start.origin)
        headers.set("Authorization", this.#authorization);
      const response = await this.#fetch(url, { ...init, headers });
      const location = response.headers.get("Location");
      if (response.status < 300 || response.status > 399 || location === null) return response;
      await response.body?.cancel();
      const next = new URL(location, url);
      const worse = next.protocol === "http:" && url.protocol === "https:";
      if (!/^https?:$/.test(next.protocol) || worse)
        throw invalid(`${url.origin} redirects to ${next.protocol}//${next.host}, which is refused`);
      url = next;
    }
    throw invalid(`${start.origin} redirects more than ${MAX_REDIRECTS} times`);
  }

  async #fetch(url: URL, init: RequestInit): Promise<Response> {
    try {
      return await fetch(url, {
        ...init,
        redirect: "manual",
        decompress: false,
        ...(this.#tls && url.host === new URL(this.endpoint.base).host ? { tls: this.#tls } : {}),
      });
    } catch (error) {
      if (init.signal?.aborted) throw new EngineError("canceled", "the pull was canceled", { cause: error });
      throw new ConnectionError(init.method ?? "GET", url, error);
    }
  }
}

/** A body that must not be endless. */
async function whole(response: Response, limit: number, what: string): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of response.body ?? []) {
    pieces.push(piece);
    size += piece.length;
    if (size > limit) throw invalid(`${what} is larger than ${limit} bytes`);
  }
  return Buffer.concat(pieces);
}
