import { digestOf, type FakeImage } from "./image.ts";

/** How the registry misbehaves. */
export interface Mischief {
  /** Ends each blob's connection after so many bytes; a later request goes on from there when it asks by Range. */
  breakAfter?: number;
  /** How often it breaks; then blobs come whole. */
  breaks?: number;
  /** Answers a Range with the whole blob. */
  noRange?: boolean;
  /** Flips a bit in blobs of this digest. */
  corrupt?: string;
  /** Wants a bearer token, or Basic. */
  auth?: "bearer" | "basic";
  /** Sends blobs from this host instead. */
  redirect?: string;
  /** Answers blob requests with this status, so often. */
  failing?: { status: number; times: number };
}

export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly authorization: string | null;
  readonly range: string | null;
}

export const USER = "me";
export const PASSWORD = "secret";
const TOKEN = "token-of-the-fake";

/** A v2 registry in memory on the loopback. distribution-spec 1.1, as far as a pull goes. */
export class FakeRegistry implements AsyncDisposable {
  readonly seen: Seen[] = [];
  mischief: Mischief = {};
  /** Blobs wait for it, when it is there. */
  gate: Promise<void> | undefined;
  /** One blob waits for its own. */
  gateFor: { readonly digest: string; readonly open: Promise<void> } | undefined;
  readonly #server: Bun.Server<undefined>;
  readonly #blobs = new Map<string, Uint8Array>();
  readonly #manifests = new Map<string, { type: string; bytes: Uint8Array }>();

  constructor() {
    this.#server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: (request) => this.#answer(request) });
  }

  /** `127.0.0.1:PORT` */
  get host(): string {
    return `127.0.0.1:${this.#server.port}`;
  }

  /** Makes an image known as `repository:tag`; the digest of its manifest. */
  put(repository: string, tag: string, image: FakeImage): string {
    for (const blob of image.blobs) this.#blobs.set(digestOf(blob), blob);
    return this.putManifest(repository, tag, image.manifest, image.type);
  }

  putManifest(repository: string, tag: string, manifest: object | Uint8Array, type: string): string {
    const bytes = manifest instanceof Uint8Array ? manifest : Buffer.from(JSON.stringify(manifest));
    const digest = digestOf(bytes);
    for (const name of [tag, digest]) this.#manifests.set(`${repository}/${name}`, { type, bytes });
    return digest;
  }

  /** How often blobs were asked for. */
  get blobRequests(): number {
    return this.seen.filter(({ path }) => path.includes("/blobs/")).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.stop(true);
  }

  async #answer(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    const authorization = request.headers.get("Authorization");
    const range = request.headers.get("Range");
    this.seen.push({ method: request.method, path: pathname, authorization, range });
    if (pathname === "/token") return this.#token(authorization);
    if (!this.#authorized(authorization)) return this.#challenge();
    if (pathname === "/v2/") return Response.json({});
    const found = /^\/v2\/(.+)\/(manifests|blobs|tags)\/([^/]+)$/.exec(pathname);
    if (!found) return new Response("not found", { status: 404 });
    const [, repository, kind, reference] = found;
    if (kind === "tags") return this.#tags(repository!);
    return kind === "manifests"
      ? this.#manifest(`${repository}/${reference}`)
      : await this.#blob(reference!, range);
  }

  #manifest(name: string): Response {
    const manifest = this.#manifests.get(name);
    if (!manifest) return refused(404, "MANIFEST_UNKNOWN", "manifest unknown");
    return new Response(Buffer.from(manifest.bytes), {
      headers: { "Content-Type": manifest.type, "Docker-Content-Digest": digestOf(manifest.bytes) },
    });
  }

  async #blob(digest: string, range: string | null): Promise<Response> {
    const { mischief } = this;
    const blob = this.#blobs.get(digest);
    if (!blob) return refused(404, "BLOB_UNKNOWN", "blob unknown to registry");
    if (mischief.redirect)
      return new Response(null, {
        status: 307,
        headers: { Location: `${mischief.redirect}/elsewhere/${digest}` },
      });
    if (mischief.failing && mischief.failing.times-- > 0)
      return new Response("try again", { status: mischief.failing.status });
    await this.gate;
    if (this.gateFor?.digest === digest) await this.gateFor.open;
    const from = mischief.noRange ? 0 : Number(/^bytes=(\d+)-/.exec(range ?? "")?.[1] ?? 0);
    const bytes = mischief.corrupt === digest ? flipped(blob) : blob;
    return this.#stream(bytes.subarray(from), from, blob.length);
  }

  #stream(bytes: Uint8Array, from: number, total: number): Response {
    const { mischief } = this;
    const status = from > 0 ? 206 : 200;
    const headers: Record<string, string> = { "Content-Length": String(bytes.length) };
    if (from > 0) headers["Content-Range"] = `bytes ${from}-${total - 1}/${total}`;
    const broken = mischief.breakAfter !== undefined && (mischief.breaks ?? 0) > 0;
    if (!broken || bytes.length <= mischief.breakAfter!)
      return new Response(Buffer.from(bytes), { status, headers });
    mischief.breaks!--;
    return new Response(shortened(bytes.subarray(0, mischief.breakAfter)), { status });
  }

  #tags(repository: string): Response {
    const prefix = `${repository}/`;
    const tags = [...this.#manifests.keys()]
      .filter((key) => key.startsWith(prefix) && !key.includes("sha256:"))
      .map((key) => key.slice(prefix.length));
    return Response.json({ name: repository, tags });
  }

  #authorized(authorization: string | null): boolean {
    if (this.mischief.auth === "bearer") return authorization === `Bearer ${TOKEN}`;
    if (this.mischief.auth === "basic") return authorization === BASIC;
    return true;
  }

  #challenge(): Response {
    const realm = `http://${this.host}/token`;
    const challenge =
      this.mischief.auth === "bearer" ? `Bearer realm="${realm}",service="fake"` : 'Basic realm="fake"';
    const answer = refused(401, "UNAUTHORIZED", "authentication required");
    answer.headers.set("WWW-Authenticate", challenge);
    return answer;
  }

  #token(authorization: string | null): Response {
    if (authorization !== BASIC) return refused(401, "UNAUTHORIZED", "wrong password");
    return Response.json({ token: TOKEN, expires_in: 300 });
  }
}

const BASIC = `Basic ${Buffer.from(`${USER}:${PASSWORD}`).toString("base64")}`;

const refused = (status: number, code: string, message: string): Response =>
  Response.json({ errors: [{ code, message }] }, { status });

function flipped(bytes: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[copy.length >> 1]! ^= 1;
  return copy;
}

/** A chunked answer that ends too early. */
const shortened = (bytes: Uint8Array): ReadableStream<Uint8Array> =>
  new ReadableStream({
    start(controller) {
      controller.enqueue(bytes);
      controller.close();
    },
  });
