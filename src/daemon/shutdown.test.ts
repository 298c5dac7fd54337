import { expect, test } from "bun:test";
import type { Container } from "../container/container.ts";
import { shutdownSeconds } from "./shutdown.ts";

const running = (stopTimeout: number) => ({ running: true, stopTimeout }) as Container;

test("shutdown: takes --shutdown-timeout, more for a patient container, and for ever when one asks for that", () => {
  expect(shutdownSeconds([], 15)).toBe(15);
  expect(shutdownSeconds([running(10)], 15)).toBe(15);
  expect(shutdownSeconds([running(10), running(60)], 15)).toBe(65);
  expect(shutdownSeconds([running(-1)], 15)).toBe(Number.POSITIVE_INFINITY);
  expect(shutdownSeconds([{ running: false, stopTimeout: 60 } as Container], 15)).toBe(15);
  expect(shutdownSeconds([], -1)).toBe(Number.POSITIVE_INFINITY);
});
