import { containerKill } from "../api/containers.ts";
import type { Client } from "../client/client.ts";

/** What a person or a supervisor sends on purpose; the others are about our own process. */
const PROXIED = [
  "SIGHUP",
  "SIGINT",
  "SIGQUIT",
  "SIGTERM",
  "SIGUSR1",
  "SIGUSR2",
  "SIGALRM",
  "SIGTSTP",
  "SIGCONT",
] as const;

/** Sends the signals that we get on to the container. */
export function proxySignals(client: Client, container: string): void {
  for (const signal of PROXIED)
    process.on(signal, () => {
      // the container may be over already, or not begun
      client.call(containerKill, { name: container, signal }).catch(() => {});
    });
}
