import type { ExecCreateBody } from "../api/containers.ts";
import type { Process } from "../execdriver/driver.ts";
import type { Container } from "./container.ts";

/** One more command inside a running container. Lives in memory; forgotten with its container, or some minutes after its end. */
export interface Exec {
  readonly id: string;
  readonly container: Container;
  readonly body: ExecCreateBody;
  started: boolean;
  running: boolean;
  /** null until it has ended */
  exitCode: number | null;
  pid: number;
  /** milliseconds since 1970 */
  endedAt?: number;
  process?: Process;
}

/** An ended exec can still be asked for its code for so long. Docker's own figure. milliseconds */
export const EXEC_KEPT_MS = 5 * 60_000;

export const newExec = (id: string, container: Container, body: ExecCreateBody): Exec => ({
  id,
  container,
  body,
  started: false,
  running: false,
  exitCode: null,
  pid: 0,
});
