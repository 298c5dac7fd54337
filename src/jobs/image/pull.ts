import type { Progress } from "../../api/images.ts";
import { EngineError, invalid } from "../../base/errors.ts";
import { shortId } from "../../base/id.ts";
import type { PullEvent } from "../../distribution/pull.ts";
import { type Job, job } from "../../engine/job.ts";
import { parsePlatform } from "../../image/platform.ts";
import type { Platform } from "../../oci/image.ts";
import {
  checkTag,
  familiarName,
  familiarRepository,
  parseReference,
  type Reference,
  repositoryOf,
} from "../../reference/reference.ts";
import type { Credentials } from "../../registry/auth.ts";
import type { Needs } from "../needs.ts";
import { imageImport } from "./archive.ts";
import { counter, type Emit, progressOf } from "./progress.ts";

export interface PullInput {
  readonly name: string;
  /** A tag or a digest; with neither here nor in the name all tags are pulled, as Docker's API has it. */
  readonly tag?: string;
  readonly platform?: string;
  /** `X-Registry-Auth` */
  readonly auth?: string;
}

/** An image from a registry. */
export const imagePull = job(
  "pull",
  async (
    m: Needs<"distribution" | "events" | "references">,
    input: PullInput,
    io,
  ): Promise<AsyncIterable<Progress>> => {
    const ref = target(input);
    const platform = platformOf(input.platform);
    const auth = credentialsOf(input.auth);
    return await progressOf(io.signal, async (emit, signal) => {
      const whole = ref.tag === undefined && ref.digest === undefined;
      const tags = whole ? await m.distribution.tags(ref, { auth, signal }) : undefined;
      let newer = false;
      for (const one of tags ? tags.map((tag) => ({ ...ref, tag })) : [ref]) {
        const warnings: string[] = [];
        const progress = (event: PullEvent) => {
          if (event.kind === "warning") warnings.push(event.text);
          else emit(lineOf(event));
        };
        const pulled = await m.distribution.pull(one, { auth, platform, signal, progress });
        newer ||= pulled.newer;
        m.events.emit("image", "pull", familiarName(one), { name: familiarRepository(one) });
        if (!tags) tellStatus(emit, one, newer);
        for (const status of warnings) emit({ status });
      }
      if (tags) tellStatus(emit, ref, newer);
    });
  },
);

const tellStatus = (emit: Emit, ref: Reference, newer: boolean): void =>
  emit({
    status: newer
      ? `Status: Downloaded newer image for ${familiarName(ref)}`
      : `Status: Image is up to date for ${familiarName(ref)}`,
  });

/** A pull's steps in the words and form of Docker's progress stream. */
function lineOf(event: Exclude<PullEvent, { kind: "warning" }>): Progress {
  if (event.kind === "pulling") return { status: `Pulling from ${event.repository}`, id: event.reference };
  if (event.kind === "digest") return { status: `Digest: ${event.digest}` };
  const id = shortId(event.digest);
  if (event.current === undefined) return { status: event.status, progressDetail: {}, id };
  return counter(id, event.status, event.current, event.total ?? 0);
}

function target({ name, tag }: PullInput): Reference {
  const ref = parseReference(name);
  if (!tag) return ref;
  if (tag.includes(":")) return parseReference(`${repositoryOf(ref)}@${tag}`);
  return { ...ref, tag: checkTag(tag) };
}

function platformOf(text: string | undefined): Platform | undefined {
  if (!text) return undefined;
  const platform = parsePlatform(text);
  if (!platform) throw invalid(`"${text}": unknown operating system or architecture: invalid argument`);
  return platform;
}

/** base64url of JSON; what is neither is ignored, as Docker does for a pull. */
function credentialsOf(header: string | undefined): Credentials | undefined {
  if (!header) return undefined;
  try {
    const given = JSON.parse(Buffer.from(header, "base64url").toString()) as Record<string, unknown>;
    const pick = (key: string) =>
      typeof given[key] === "string" && given[key] !== "" ? given[key] : undefined;
    const found: Credentials = {
      username: pick("username"),
      password: pick("password"),
      identitytoken: pick("identitytoken"),
      registrytoken: pick("registrytoken"),
    };
    return found.username || found.identitytoken || found.registrytoken ? found : undefined;
  } catch {
    return undefined;
  }
}

export interface CreateInput {
  readonly fromImage?: string;
  readonly fromSrc?: string;
  readonly repo?: string;
  readonly tag?: string;
  readonly message?: string;
  readonly changes?: readonly string[];
  readonly platform?: string;
  readonly auth?: string;
  readonly body?: AsyncIterable<Uint8Array>;
}

type CreateModules = Needs<"distribution" | "events" | "images" | "layers" | "references">;

/** `POST /images/create` is two verbs: `pull` with fromImage, `import` with fromSrc. */
export const imageCreate: Job<CreateModules, CreateInput, AsyncIterable<Progress>> = job(
  "image_create",
  async (_, input, io) => {
    if (input.fromImage)
      return await io.run(imagePull, {
        name: input.fromImage,
        tag: input.tag,
        platform: input.platform,
        auth: input.auth,
      });
    if (input.fromSrc) return await io.run(imageImport, { ...input, source: input.fromSrc });
    throw new EngineError("invalid", "neither fromImage nor fromSrc was given");
  },
);
