import { chownSync, existsSync, lstatSync, readFileSync, unlinkSync } from "node:fs";
import type { Server as HttpServer } from "node:http";
import { connect, createServer, type Server as NetServer } from "node:net";
import { EngineError, invalid, messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Address } from "./address.ts";

/** The first of the sockets that a service manager hands over (sd_listen_fds(3)). */
const FIRST_FD = 3;
/** 0666 without this is 0660: the socket is never open to others, not even for a moment. */
const SOCKET_UMASK = 0o117;

/** Opens `address` for `http`; what it returns closes the socket again. Throws `conflict` where another listens. */
export async function open(
  http: HttpServer,
  address: Address,
  group: string,
  log: Log,
): Promise<() => Promise<void>> {
  if (address.kind === "unix") return openUnix(http, address.path, group, log);
  if (address.kind === "fd") return openInherited(http, address.fd);
  await listening(http, () => http.listen({ host: address.host, port: address.port, exclusive: true }));
  return () => closed(http);
}

async function openUnix(
  http: HttpServer,
  path: string,
  group: string,
  log: Log,
): Promise<() => Promise<void>> {
  await clearStale(path);
  const gid = groupId(group, log);
  const before = process.umask(SOCKET_UMASK);
  try {
    await listening(http, () => http.listen(path));
  } finally {
    process.umask(before);
  }
  const mine = lstatSync(path).ino;
  chownSync(path, process.getuid!(), gid);
  return async () => {
    await closed(http);
    if (lstatSync(path, { throwIfNoEntry: false })?.ino === mine) unlinkSync(path);
  };
}

/** Removes a socket that nobody listens on. Throws `conflict` when somebody does, or when it is no socket at all. */
async function clearStale(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (!found) return;
  if (!found.isSocket())
    throw new EngineError(
      "conflict",
      `can't create unix socket ${path}: there is a file that is not a socket`,
    );
  if (await answers(path))
    throw new EngineError(
      "conflict",
      `can't create unix socket ${path}: another program listens on it (stop that one, or choose another socket with -H)`,
    );
  unlinkSync(path);
}

function answers(path: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect(path);
  socket.once("connect", () => resolve(true));
  socket.once("error", () => resolve(false));
  return promise.finally(() => socket.destroy());
}

/** A group by name or number. A missing `docker`, the default, is root's group, as dockerd does it. */
function groupId(group: string, log: Log): number {
  if (/^\d+$/.test(group)) return Number(group);
  if (group === "") return 0;
  const line = groups().find((entry) => entry.startsWith(`${group}:`));
  if (line) return Number(line.split(":")[2]);
  if (group !== "docker") throw invalid(`could not change group of the socket: group ${group} not found`);
  log.debug("could not change group of the socket to docker: group docker not found");
  return 0;
}

const groups = (): string[] =>
  existsSync("/etc/group") ? readFileSync("/etc/group", "utf8").split("\n") : [];

/**
 * Listens on inherited sockets. http.Server.listen({ fd }) binds another port in silence (Bun 1.4.5), net.Server's
 * does what it says.
 */
async function openInherited(http: HttpServer, fd: number | undefined): Promise<() => Promise<void>> {
  const given = inheritedFds();
  const wanted = fd === undefined ? given : given.filter((one) => one === fd);
  if (wanted.length === 0)
    throw invalid(
      fd === undefined
        ? "no sockets found via socket activation: make sure the service was started by systemd"
        : `failed to find systemd activated sockets for fd ${fd}`,
    );
  const fronts: NetServer[] = [];
  for (const one of wanted) {
    const front = createServer({ allowHalfOpen: true }, (socket) => void http.emit("connection", socket));
    await listening(front, () => front.listen({ fd: one }));
    fronts.push(front);
  }
  return async () => {
    await Promise.all(fronts.map(closed));
    http.closeAllConnections();
  };
}

/** The sockets that LISTEN_FDS and LISTEN_PID promise to this process. */
function inheritedFds(): number[] {
  const { LISTEN_FDS, LISTEN_PID } = process.env;
  if (LISTEN_PID !== undefined && Number(LISTEN_PID) !== process.pid) return [];
  return Array.from({ length: Number(LISTEN_FDS ?? 0) }, (_, at) => FIRST_FD + at);
}

function listening(server: NetServer, listen: () => void): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const failed = (error: Error) =>
    reject(new EngineError("conflict", `can't listen: ${messageOf(error)}`, { cause: error }));
  server.once("error", failed);
  server.once("listening", () => {
    server.off("error", failed);
    resolve();
  });
  try {
    listen();
  } catch (error) {
    failed(error as Error);
  }
  return promise;
}

function closed(server: NetServer): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  server.close(() => resolve());
  if ("closeAllConnections" in server) (server as HttpServer).closeAllConnections();
  return promise;
}
