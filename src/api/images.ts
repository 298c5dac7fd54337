import type { ContainerConfig } from "./container_config.ts";
import { as, bool, bytesBody, endpoint, header, json, lines, none, text, texts } from "./endpoint.ts";

export interface ImageSummary {
  Id: string;
  ParentId: string;
  RepoTags: string[];
  RepoDigests: string[];
  /** seconds since 1970 */
  Created: number;
  Size: number;
  SharedSize: number;
  Labels: Record<string, string> | null;
  Containers: number;
}

export interface ImageInspect {
  Id: string;
  RepoTags: string[];
  RepoDigests: string[];
  Parent: string;
  Comment: string;
  Created: string;
  DockerVersion: string;
  Author: string;
  Config: ContainerConfig;
  Architecture: string;
  Variant?: string;
  Os: string;
  Size: number;
  GraphDriver: { Data: Record<string, string> | null; Name: string };
  RootFS: { Type: string; Layers: string[] };
  Metadata: { LastTagTime: string };
}

export interface HistoryEntry {
  Id: string;
  /** seconds since 1970 */
  Created: number;
  CreatedBy: string;
  Tags: string[] | null;
  Size: number;
  Comment: string;
}

/** One line of a progress stream (pull, load, import). */
export interface Progress {
  status?: string;
  id?: string;
  progress?: string;
  progressDetail?: { current?: number; total?: number };
  stream?: string;
  aux?: object;
  error?: string;
  errorDetail?: { message: string; code?: number };
}

export const imageList = endpoint("GET", "/images/json", {
  query: { all: bool, filters: text, sharedSize: as(bool, "shared-size"), digests: bool, manifests: bool },
  answer: json<ImageSummary[]>(),
});
export const imageInspect = endpoint("GET", "/images/{name*}/json", {
  query: { manifests: bool },
  answer: json<ImageInspect>(),
});
export const imageHistory = endpoint("GET", "/images/{name*}/history", {
  query: { platform: text },
  answer: json<HistoryEntry[]>(),
});
export const imageTag = endpoint("POST", "/images/{name*}/tag", {
  query: { repo: text, tag: text },
  answer: none(201),
});
export const imageRemove = endpoint("DELETE", "/images/{name*}", {
  query: { force: bool, noprune: bool },
  answer: json<({ Untagged: string } | { Deleted: string })[]>(),
});
/** Both `pull` (fromImage) and `import` (fromSrc), as Docker has it. */
export const imageCreate = endpoint("POST", "/images/create", {
  query: {
    fromImage: text,
    fromSrc: text,
    repo: text,
    tag: text,
    message: text,
    changes: texts,
    platform: text,
    auth: header("X-Registry-Auth"),
  },
  body: bytesBody(),
  answer: lines<Progress>("\r\n"),
});
export const imageLoad = endpoint("POST", "/images/load", {
  query: { quiet: bool, platform: text },
  body: bytesBody(),
  answer: lines<Progress>("\r\n"),
});
