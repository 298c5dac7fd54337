import { EngineError, type ErrorCode, messageOf } from "../base/errors.ts";

/** What a registry said no with: status and the first of its errors. distribution-spec "Error Codes" */
export class RegistryError extends EngineError {
  readonly status: number;
  /** `MANIFEST_UNKNOWN` and the like; empty when the answer had none */
  readonly reason: string;

  constructor(status: number, reason: string, message: string) {
    super(codeFor(status), message);
    this.name = "RegistryError";
    this.status = status;
    this.reason = reason;
  }
}

function codeFor(status: number): ErrorCode {
  if (status === 401) return "unauthorized";
  if (status === 403) return "forbidden";
  if (status === 404) return "not_found";
  return status === 429 || status >= 500 ? "unavailable" : "internal";
}

/** Longest error body that is read. bytes */
const MAX_BODY = 64 << 10;

/** An answer that is no success as an error, in the words of distribution's client. */
export async function refusal(response: Response): Promise<RegistryError> {
  const { status } = response;
  const [code, message] = firstError(await head(response));
  if (code) return new RegistryError(status, code, `${code.toLowerCase().replaceAll("_", " ")}: ${message}`);
  if (status === 401)
    return new RegistryError(status, "UNAUTHORIZED", "unauthorized: authentication required");
  if (status === 429)
    return new RegistryError(status, "TOOMANYREQUESTS", "toomanyrequests: too many requests");
  return new RegistryError(
    status,
    "",
    `received unexpected HTTP status: ${status} ${response.statusText}`.trimEnd(),
  );
}

function firstError(body: string): [code: string, message: string] {
  try {
    const { errors } = JSON.parse(body) as { errors?: { code?: unknown; message?: unknown }[] };
    const first = errors?.[0];
    if (typeof first?.code === "string") return [first.code, String(first.message ?? "")];
  } catch {}
  return ["", ""];
}

async function head(response: Response): Promise<string> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of response.body ?? []) {
    pieces.push(piece);
    size += piece.length;
    if (size > MAX_BODY) break;
  }
  return Buffer.concat(pieces).toString().slice(0, MAX_BODY);
}

const WORDS: Readonly<Record<string, (url: URL) => string>> = {
  ECONNREFUSED: (url) => `dial tcp ${hostPort(url)}: connect: connection refused`,
  ENOTFOUND: (url) => `dial tcp: lookup ${url.hostname}: no such host`,
  EAI_AGAIN: (url) => `dial tcp: lookup ${url.hostname}: Temporary failure in name resolution`,
  ECONNRESET: () => "connection reset by peer",
  ETIMEDOUT: (url) => `dial tcp ${hostPort(url)}: i/o timeout`,
  EPROTO: () => "http: server gave HTTP response to HTTPS client",
  DEPTH_ZERO_SELF_SIGNED_CERT: () =>
    "tls: failed to verify certificate: x509: certificate signed by unknown authority",
  SELF_SIGNED_CERT_IN_CHAIN: () =>
    "tls: failed to verify certificate: x509: certificate signed by unknown authority",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: () =>
    "tls: failed to verify certificate: x509: certificate signed by unknown authority",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: () =>
    "tls: failed to verify certificate: x509: certificate signed by unknown authority",
  CERT_HAS_EXPIRED: () =>
    "tls: failed to verify certificate: x509: certificate has expired or is not yet valid",
  ERR_TLS_CERT_ALTNAME_INVALID: (url) =>
    `tls: failed to verify certificate: x509: certificate is not valid for ${url.hostname}`,
};

/** No answer at all: `Get "https://host/v2/": dial tcp …`, as people know it from Docker. */
export class ConnectionError extends EngineError {
  constructor(method: string, url: URL, cause: unknown) {
    const code = (cause as { code?: unknown } | undefined)?.code;
    const words = typeof code === "string" ? WORDS[code]?.(url) : undefined;
    const verb = method[0] + method.slice(1).toLowerCase();
    super("internal", `${verb} "${url.href}": ${words ?? messageOf(cause)}`, { cause });
    this.name = "ConnectionError";
  }
}

const hostPort = (url: URL): string =>
  `${url.hostname}:${url.port || (url.protocol === "https:" ? 443 : 80)}`;
