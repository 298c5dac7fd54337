import type { Container } from "../../container/container.ts";
import type { Needs } from "../needs.ts";

/** Bytes that the container wrote, and with its image's. Walks the container's layer: only when asked for. */
export async function sizesOf(
  m: Needs<"layers" | "images">,
  container: Container,
): Promise<{ SizeRw: number; SizeRootFs: number }> {
  const written = await m.layers.mountSize(container.id);
  return { SizeRw: written, SizeRootFs: written + (container.image ? m.images.size(container.image) : 0) };
}
