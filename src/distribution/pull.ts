import { EngineError, invalid, messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { HOST_PLATFORM, platformText } from "../image/platform.ts";
import { type Image, type Images, parseConfig } from "../image/store.ts";
import { chainIdsOf, sha256 } from "../layer/digest.ts";
import type { Layers } from "../layer/store.ts";
import type { Manifest, Platform } from "../oci/image.ts";
import { familiarName, familiarRepository, type Reference } from "../reference/reference.ts";
import type { References } from "../reference/store.ts";
import { Authorizer, type Credentials } from "../registry/auth.ts";
import { Registry } from "../registry/client.ts";
import { ConnectionError, RegistryError } from "../registry/errors.ts";
import { endpointsOf, type HostsOptions, type RegistryEndpoint } from "../registry/hosts.ts";
import { blobBytes } from "./blob.ts";
import { type LayerEvent, LayerPull, type Pace } from "./layers.ts";
import { type Resolved, resolveManifest } from "./resolve.ts";

/** What a pull says on its way. */
export type PullEvent =
  | { readonly kind: "pulling"; readonly repository: string; readonly reference: string }
  | LayerEvent
  | { readonly kind: "digest"; readonly digest: string }
  | { readonly kind: "warning"; readonly text: string };

export interface PullOptions {
  readonly auth?: Credentials;
  readonly platform?: Platform;
  readonly signal: AbortSignal;
  readonly progress: (event: PullEvent) => void;
}

export interface Pulled {
  readonly image: Image;
  /** False: the name had this image already. */
  readonly newer: boolean;
}

export interface DistributionOptions {
  readonly images: Images;
  readonly layers: Layers;
  readonly references: References;
  readonly log: Log;
  readonly mirrors?: readonly string[];
  readonly insecure?: readonly string[];
  /** Instead of /etc/docker/certs.d. */
  readonly certificates?: string;
  /** What is not said is Docker's. */
  readonly pace?: Partial<Pace>;
}

/** Configs of images have some KB. bytes */
const MAX_CONFIG = 16 << 20;
const DOCKERS: Pace = { atOnce: 3, attempts: 5, retryDelay: 5000 };

/** Brings images from registries. Nothing of an image is seen before all of it is there and was checked. */
export class Distribution {
  readonly #options: DistributionOptions;
  readonly #hosts: HostsOptions;
  readonly #authorizer = new Authorizer();
  readonly #layers: LayerPull;
  readonly #pace: Pace;
  /** Which way to a host worked last. */
  readonly #ways = new Map<string, string>();

  constructor(options: DistributionOptions) {
    this.#options = options;
    this.#hosts = options;
    this.#pace = { ...DOCKERS, ...options.pace };
    this.#layers = new LayerPull(options.layers, options.log, this.#pace);
  }

  /** Pulls one tag or digest. Throws in Docker's words; nothing new is left then but layers that others pull as well. */
  async pull(ref: Reference, options: PullOptions): Promise<Pulled> {
    const reference = ref.digest ?? ref.tag ?? "latest";
    const resolved = await this.#first(ref, options, (registry) =>
      resolveManifest(registry, reference, options.platform, options.signal),
    );
    options.progress({ kind: "pulling", repository: ref.path, reference });
    return await this.#fetch(ref, resolved, options);
  }

  /** All tags that a repository has. */
  async tags(ref: Reference, options: Pick<PullOptions, "auth" | "signal">): Promise<string[]> {
    return await this.#first(ref, options, (registry) => registry.tags(options.signal));
  }

  async #fetch(
    ref: Reference,
    { registry, manifest, digest }: Resolved,
    options: PullOptions,
  ): Promise<Pulled> {
    const { images, layers, references } = this.#options;
    const known = images.find(manifest.config.digest);
    const raw = known?.raw ?? (await this.#config(registry, manifest, options.signal));
    const { os, architecture, rootfs } = parseConfig(raw);
    if (rootfs.diff_ids.length !== manifest.layers.length)
      throw invalid("layers from manifest don't match image configuration");
    using hold = layers.hold();
    if (!known) await this.#layers.pull(registry, manifest.layers, rootfs.diff_ids, { ...options, hold });
    else for (const chainId of chainIdsOf(rootfs.diff_ids)) hold.add(chainId);
    const newer = references.get(ref) !== manifest.config.digest;
    options.progress({ kind: "digest", digest });
    const image = images.create(raw, {
      within: ({ id }) => {
        references.add({ domain: ref.domain, path: ref.path, digest }, id);
        if (ref.digest === undefined) references.add(ref, id);
        if (newer) images.tagged(id);
      },
    });
    this.#compare(ref, { os, architecture }, options);
    return { image, newer };
  }

  /** An image of one platform only is taken whatever was asked for, and said so. */
  #compare(ref: Reference, has: Platform, { platform, progress }: PullOptions): void {
    const wanted = platform ?? HOST_PLATFORM;
    if (has.os === wanted.os && has.architecture === wanted.architecture) return;
    progress({
      kind: "warning",
      text: `WARNING: image with reference ${familiarName(ref)} was found but its platform (${platformText(has)}) does not match the ${platform ? "specified" : "detected host"} platform (${platformText(wanted)})`,
    });
  }

  async #config(registry: Registry, { config }: Manifest, signal: AbortSignal): Promise<Uint8Array> {
    if (config.size > MAX_CONFIG) throw invalid(`image config ${config.digest} has ${config.size} bytes`);
    const { log } = this.#options;
    const { retryDelay: delay, attempts } = this.#pace;
    const raw = await whole(
      blobBytes(registry, config, { signal, log, delay, attempts, retrying: () => {} }),
    );
    if (sha256(raw) !== config.digest)
      throw invalid(`image config verification failed for digest ${config.digest}`);
    return raw;
  }

  /** Runs `body` with the first way to the registry that answers. A mirror without the image is passed over. */
  async #first<T>(
    ref: Reference,
    { auth, signal }: Pick<PullOptions, "auth" | "signal">,
    body: (registry: Registry) => Promise<T>,
  ): Promise<T> {
    let last: unknown;
    for (const endpoint of this.#endpoints(ref.domain)) {
      const { certificates } = this.#options;
      // A mirror gets no credentials of the registry that it mirrors.
      const credentials = endpoint.mirror ? undefined : auth;
      const registry = new Registry(endpoint, ref.path, {
        authorizer: this.#authorizer,
        credentials,
        certificates,
      });
      try {
        await registry.ping(signal);
        this.#ways.set(endpoint.host, endpoint.base);
        return await body(registry);
      } catch (error) {
        last = error;
        if (endpoint.mirror && !signal.aborted)
          this.#options.log.info("mirror passed over", { mirror: endpoint.base, reason: messageOf(error) });
        else if (!(error instanceof ConnectionError)) throw worded(ref, error);
      }
    }
    throw worded(ref, last);
  }

  /** The way that worked last comes first, so that a registry on plain http is not asked for TLS each time. */
  #endpoints(domain: string): RegistryEndpoint[] {
    const endpoints = endpointsOf(domain, this.#hosts);
    const last = this.#ways.get(domain);
    const known = endpoints.find((endpoint) => endpoint.base === last && !endpoint.mirror);
    if (!known || endpoints.some((endpoint) => endpoint.mirror)) return endpoints;
    return [known, ...endpoints.filter((endpoint) => endpoint !== known)];
  }
}

async function whole(bytes: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for await (const piece of bytes) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** A registry's refusal as `docker pull` says it (moby distribution/errors.go). */
function worded(ref: Reference, error: unknown): unknown {
  if (!(error instanceof RegistryError)) return error;
  const say = (text: string) => new EngineError("not_found", `${text}: ${error.message}`, { cause: error });
  const { reason, status } = error;
  if (reason === "MANIFEST_UNKNOWN") return say(`manifest for ${familiarName(ref)} not found`);
  if (reason === "NAME_UNKNOWN") return say(`repository ${familiarRepository(ref)} not found`);
  if (reason === "DENIED" || (status === 401 && reason === "UNAUTHORIZED"))
    return say(
      `pull access denied for ${familiarRepository(ref)}, repository does not exist or may require 'docker login'`,
    );
  if (status === 404) return say(`manifest for ${familiarName(ref)} not found`);
  return error;
}
