import { bool, endpoint, json, jsonBody, none, text } from "./endpoint.ts";

export interface VolumeInspect {
  CreatedAt: string;
  Driver: string;
  Labels: Record<string, string> | null;
  Mountpoint: string;
  Name: string;
  Options: Record<string, string> | null;
  Scope: string;
}

export interface VolumeCreateBody {
  Name?: string;
  Driver?: string;
  DriverOpts?: Record<string, string> | null;
  Labels?: Record<string, string> | null;
}

export const volumeList = endpoint("GET", "/volumes", {
  query: { filters: text },
  answer: json<{ Volumes: VolumeInspect[]; Warnings: string[] | null }>(),
});
export const volumeCreate = endpoint("POST", "/volumes/create", {
  body: jsonBody<VolumeCreateBody>(),
  answer: json<VolumeInspect>(201),
});
export const volumeInspect = endpoint("GET", "/volumes/{name}", { answer: json<VolumeInspect>() });
export const volumeRemove = endpoint("DELETE", "/volumes/{name}", { query: { force: bool }, answer: none() });
