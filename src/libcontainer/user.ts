import { internal } from "../base/errors.ts";
import type { User } from "../oci/runtime.ts";
import { readInRoot } from "../sys/files.ts";
import { readLayered } from "./layered.ts";
import type { Root } from "./plan.ts";

interface PasswdEntry {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

interface GroupEntry {
  readonly name: string;
  readonly gid: number;
  readonly members: readonly string[];
}

const MAX_ID = 2 ** 31 - 1;
const NO_PASSWD = "no matching entries in passwd file";
const NO_GROUP = "no matching entries in group file";

/**
 * Who `name|uid[:group|gid]` is by /etc/passwd and /etc/group beneath the root (empty: uid 0), with `groups` besides.
 * Source: moby/sys/user GetExecUser. Throws `internal` in Docker's words.
 */
export function resolveUser(
  root: Root,
  spec: string,
  groups: readonly string[] = [],
): User & { home: string } {
  const [userPart = "", groupPart = ""] = spec.split(":");
  const passwd = parsePasswd(read(root, "etc/passwd"));
  const group = parseGroup(read(root, "etc/group"));
  const uid = numeric(userPart);
  const entry = passwd.find((e) =>
    userPart === "" ? e.uid === 0 : uid === undefined ? e.name === userPart : e.uid === uid,
  );
  if (!entry && userPart !== "" && uid === undefined)
    throw internal(`unable to find user ${userPart}: ${NO_PASSWD}`);
  const gid =
    groupPart === ""
      ? (entry?.gid ?? 0)
      : groupId(group, groupPart, (name) => `unable to find group ${name}: ${NO_GROUP}`);
  const memberships =
    groupPart === "" && entry ? group.filter((g) => g.members.includes(entry.name)).map((g) => g.gid) : [];
  const added = groups.map((name) => groupId(group, name, (n) => `unable to find group ${n}: ${NO_GROUP}`));
  return {
    uid: inRange(entry?.uid ?? uid ?? 0),
    gid: inRange(gid),
    additionalGids: [...new Set([gid, ...memberships, ...added])],
    home: entry?.home || "/",
  };
}

function read(root: Root, path: string): string {
  return (
    (root.kind === "path" ? readInRoot(root.path, path) : readLayered([root.upper, ...root.lower], path)) ??
    ""
  );
}

function groupId(groups: readonly GroupEntry[], name: string, missing: (name: string) => string): number {
  const gid = numeric(name);
  const entry = groups.find((g) => (gid === undefined ? g.name === name : g.gid === gid));
  if (entry) return entry.gid;
  if (gid === undefined) throw internal(missing(name));
  return inRange(gid);
}

const numeric = (text: string): number | undefined => (/^-?\d+$/.test(text) ? Number(text) : undefined);

function inRange(id: number): number {
  if (id < 0 || id > MAX_ID) throw internal(`uids and gids must be in range 0-${MAX_ID}`);
  return id;
}

/** name:password:uid:gid:comment:home:shell, passwd(5); lines that are none are passed over. */
function parsePasswd(text: string): PasswdEntry[] {
  return fields(text).map(([name = "", , uid, gid, , home = ""]) => ({
    name,
    uid: Number(uid) || 0,
    gid: Number(gid) || 0,
    home,
  }));
}

/** name:password:gid:members, group(5) */
function parseGroup(text: string): GroupEntry[] {
  return fields(text).map(([name = "", , gid, members = ""]) => ({
    name,
    gid: Number(gid) || 0,
    members: members.split(",").filter((member) => member !== ""),
  }));
}

const fields = (text: string): string[][] =>
  text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !line.startsWith("#"))
    .map((line) => line.split(":"));
