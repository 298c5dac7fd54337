import type { WaitAnswer } from "../api/containers.ts";
import { EngineError, invalid } from "../base/errors.ts";
import type { Container } from "./container.ts";

export type Condition = "not-running" | "next-exit" | "removed";

/** The query value of `/wait`. Throws `invalid` in Docker's words. */
export function parseCondition(text: string | undefined): Condition {
  if (!text) return "not-running";
  if (text === "not-running" || text === "next-exit" || text === "removed") return text;
  throw invalid(`invalid condition: ${JSON.stringify(text)}`);
}

interface Waiter {
  readonly condition: Condition;
  readonly done: (answer: WaitAnswer) => void;
}

/** Who waits for which container. */
export class Waiters {
  readonly #waiting = new Map<string, Set<Waiter>>();

  /** Resolves when the condition holds, at once when it does already. Rejects with `canceled` when `signal` aborts. */
  wait(container: Container, condition: Condition, signal: AbortSignal): Promise<WaitAnswer> {
    if (condition === "not-running" && !container.running) return Promise.resolve(withError(container));
    const { promise, resolve, reject } = Promise.withResolvers<WaitAnswer>();
    const waiters = this.#waiting.get(container.id) ?? new Set();
    this.#waiting.set(container.id, waiters);
    const gone = () => {
      waiters.delete(waiter);
      reject(new EngineError("canceled", "the caller has gone"));
    };
    const waiter: Waiter = {
      condition,
      done: (answer) => {
        signal.removeEventListener("abort", gone);
        resolve(answer);
      },
    };
    waiters.add(waiter);
    if (signal.aborted) gone();
    else signal.addEventListener("abort", gone, { once: true });
    return promise;
  }

  /** The container has ended: all but those who wait for its removal. */
  exited(container: Container): void {
    this.#wake(container, (condition) => condition !== "removed", withError(container));
  }

  /** The container is gone: everybody. Why its start failed, if it did, was told to who started it. */
  removed(container: Container): void {
    this.#wake(container, () => true, { StatusCode: container.state.exitCode });
    this.#waiting.delete(container.id);
  }

  #wake(container: Container, which: (condition: Condition) => boolean, answer: WaitAnswer): void {
    const waiters = this.#waiting.get(container.id);
    if (!waiters) return;
    for (const waiter of [...waiters]) {
      if (!which(waiter.condition)) continue;
      waiters.delete(waiter);
      waiter.done(answer);
    }
    if (waiters.size === 0) this.#waiting.delete(container.id);
  }
}

const withError = ({ state }: Container): WaitAnswer => ({
  StatusCode: state.exitCode,
  ...(state.error ? { Error: { Message: state.error } } : {}),
});
