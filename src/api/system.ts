import { endpoint, json, lines, plain, text } from "./endpoint.ts";

export interface VersionAnswer {
  Platform: { Name: string };
  Components: { Name: string; Version: string; Details?: Record<string, string> }[];
  Version: string;
  ApiVersion: string;
  MinAPIVersion: string;
  GitCommit: string;
  GoVersion: string;
  Os: string;
  Arch: string;
  KernelVersion: string;
  BuildTime: string;
}

/** `SystemInfo` of v1.51; every field Docker's client reads is present. */
export type InfoAnswer = Record<string, unknown> & {
  ID: string;
  Containers: number;
  Images: number;
  Driver: string;
  ServerVersion: string;
};

export interface EventMessage {
  Type: string;
  Action: string;
  Actor: { ID: string; Attributes: Record<string, string> };
  scope: "local";
  /** seconds since 1970 */
  time: number;
  /** Nanoseconds since 1970; above 2^53, so it is a bigint here and a bare number on the wire. */
  timeNano: bigint;
  status?: string;
  id?: string;
  from?: string;
}

/** `Builder-Version: 1` keeps clients from building through `/session` and `/grpc`, which are not served. */
const PING = {
  "Builder-Version": "1",
  "Cache-Control": "no-cache, no-store, must-revalidate",
  Pragma: "no-cache",
  Swarm: "inactive",
};
export const ping = endpoint("GET", "/_ping", { answer: plain(PING) });
export const pingHead = endpoint("HEAD", "/_ping", { answer: plain(PING) });
export const version = endpoint("GET", "/version", { answer: json<VersionAnswer>() });
export const info = endpoint("GET", "/info", { answer: json<InfoAnswer>() });
export const events = endpoint("GET", "/events", {
  query: { since: text, until: text, filters: text },
  answer: lines<EventMessage>(),
});
/** Ours, not Docker's: the names of the jobs that exist, one a line. */
export const engineCommands = endpoint("GET", "/engine/commands", { answer: plain() });
