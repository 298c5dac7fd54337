import type { Events } from "../events/events.ts";
import type { Container } from "./container.ts";

/** One event of a container: its labels, image and name, and what the action adds. */
export const announce = (
  events: Events,
  container: Container,
  action: string,
  more: Readonly<Record<string, string>> = {},
): void =>
  events.emit("container", action, container.id, {
    ...container.config.Labels,
    image: container.config.Image ?? "",
    name: container.name,
    ...more,
  });
