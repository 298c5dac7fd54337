/** What a caller can act on. `src/server/reply.ts` turns each into its HTTP status, `src/cli/exit.ts` into an exit code. */
export type ErrorCode =
  | "invalid"
  | "unauthorized"
  | "forbidden"
  | "not_found"
  | "conflict"
  | "unmodified"
  | "unsupported"
  | "unavailable"
  | "canceled"
  | "internal";

/** An error with a code that a caller can act on; `cause` carries the rest. The message is what the user reads. */
export class EngineError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = "EngineError";
    this.code = code;
  }
}

export const invalid = (message: string, cause?: unknown) => new EngineError("invalid", message, { cause });
export const conflict = (message: string, cause?: unknown) => new EngineError("conflict", message, { cause });
export const unsupported = (message: string) => new EngineError("unsupported", message);
export const internal = (message: string, cause?: unknown) => new EngineError("internal", message, { cause });

/** `No such container: x`, as Docker words it. */
export const notFound = (what: string, id: string) => new EngineError("not_found", `No such ${what}: ${id}`);

/** The code of any thrown thing; what is not an EngineError is our bug: internal. */
export const codeOf = (error: unknown): ErrorCode => (error instanceof EngineError ? error.code : "internal");

/** The words of any thrown thing. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
