import { EngineError } from "../base/errors.ts";
import { isLoopback } from "./hosts.ts";

/** Who pulls: what `X-Registry-Auth` carries. */
export interface Credentials {
  readonly username?: string;
  readonly password?: string;
  /** A refresh token of the registry's own. */
  readonly identitytoken?: string;
  /** A bearer token that is used as it is. */
  readonly registrytoken?: string;
}

/** `WWW-Authenticate: Bearer realm="…",service="…"` */
export interface Challenge {
  /** lower case */
  readonly scheme: string;
  readonly parameters: Readonly<Record<string, string>>;
}

/** How a token is fetched: `fetch` with the registry's TLS. */
export type Send = (url: string, init: RequestInit) => Promise<Response>;

interface Token {
  readonly value: string;
  /** milliseconds since 1970 */
  readonly until: number;
}

/** distribution's token specification: a token without a life lives so long. */
const DEFAULT_SECONDS = 60;
/** A token that is about to end is fetched again. */
const MARGIN_MILLIS = 5_000;
const CLIENT = "docker";

/** Answers registries' challenges, and keeps tokens until they end. distribution-spec, docker token authentication. */
export class Authorizer {
  readonly #tokens = new Map<string, Token>();

  /**
   * The `Authorization` header for a challenge, or undefined when nothing can be said: no credentials for Basic.
   * Throws `unauthorized` when the token server refuses, or would be spoken to in the clear.
   */
  async answer(
    challenges: readonly Challenge[],
    scope: string,
    credentials: Credentials | undefined,
    send: Send,
  ): Promise<string | undefined> {
    if (credentials?.registrytoken) return `Bearer ${credentials.registrytoken}`;
    const bearer = challenges.find(({ scheme }) => scheme === "bearer");
    if (bearer) return `Bearer ${await this.#token(bearer, scope, credentials, send)}`;
    const basic = challenges.some(({ scheme }) => scheme === "basic");
    return basic && credentials?.username !== undefined ? basicOf(credentials) : undefined;
  }

  async #token(
    { parameters }: Challenge,
    scope: string,
    credentials: Credentials | undefined,
    send: Send,
  ): Promise<string> {
    const { realm = "", service = "" } = parameters;
    const wanted = parameters.scope ?? scope;
    const key = JSON.stringify([realm, service, wanted, credentials ?? null]);
    const known = this.#tokens.get(key);
    if (known && known.until > Date.now() + MARGIN_MILLIS) return known.value;
    const token = await fetchToken(realm, service, wanted, credentials, send);
    this.#tokens.set(key, token);
    return token.value;
  }
}

async function fetchToken(
  realm: string,
  service: string,
  scope: string,
  credentials: Credentials | undefined,
  send: Send,
): Promise<Token> {
  const url = URL.canParse(realm) ? new URL(realm) : undefined;
  if (!url || !/^https?:$/.test(url.protocol))
    throw new EngineError("unauthorized", `the registry names no token server: ${JSON.stringify(realm)}`);
  if (credentials && !isPrivate(url))
    throw new EngineError("unauthorized", `credentials are not sent over plain http: ${realm}`);
  const response = await send(...tokenRequest(url, service, scope, credentials));
  if (!response.ok)
    throw new EngineError(
      "unauthorized",
      `unauthorized: the token server ${url.host} answered ${response.status} ${response.statusText}`.trim(),
    );
  const answer = (await response.json()) as { token?: unknown; access_token?: unknown; expires_in?: unknown };
  const value = answer.token || answer.access_token;
  if (typeof value !== "string" || value === "")
    throw new EngineError("unauthorized", `authorization server did not include a token in the response`);
  const seconds = typeof answer.expires_in === "number" ? answer.expires_in : DEFAULT_SECONDS;
  return { value, until: Date.now() + Math.max(seconds, DEFAULT_SECONDS) * 1000 };
}

/** With an identity token by POST as OAuth 2 has it, else by GET, named when we have a name. */
function tokenRequest(
  realm: URL,
  service: string,
  scope: string,
  credentials: Credentials | undefined,
): [url: string, init: RequestInit] {
  if (credentials?.identitytoken) {
    const body = new URLSearchParams({
      grant_type: "refresh_token",
      service,
      client_id: CLIENT,
      scope,
      refresh_token: credentials.identitytoken,
    });
    return [realm.href, { method: "POST", body }];
  }
  const url = new URL(realm);
  if (service) url.searchParams.set("service", service);
  for (const one of scope.split(" ")) url.searchParams.append("scope", one);
  if (credentials?.username === undefined) return [url.href, {}];
  url.searchParams.set("account", credentials.username);
  url.searchParams.set("client_id", CLIENT);
  return [url.href, { headers: { Authorization: basicOf(credentials) } }];
}

const basicOf = ({ username = "", password = "" }: Credentials): string =>
  `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;

/** True where nobody on the way can read along. */
export const isPrivate = (url: URL): boolean => url.protocol === "https:" || isLoopback(url.hostname);

/** The challenges of a `WWW-Authenticate` header, several in one too. RFC 9110 section 11.6.1 */
export function parseChallenges(header: string): Challenge[] {
  const challenges: { scheme: string; parameters: Record<string, string> }[] = [];
  const token = /\s*,?\s*(?:([A-Za-z0-9-]+)\s*=\s*(?:"((?:\\.|[^"\\])*)"|([^\s,"]+))|([A-Za-z0-9-]+))/y;
  for (let found = token.exec(header); found; found = token.exec(header)) {
    if (found[4] !== undefined) challenges.push({ scheme: found[4].toLowerCase(), parameters: {} });
    else {
      const value = found[2] === undefined ? found[3]! : found[2].replace(/\\(.)/g, "$1");
      const last = challenges.at(-1);
      if (last) last.parameters[found[1]!.toLowerCase()] = value;
    }
  }
  return challenges;
}
