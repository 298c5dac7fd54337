/** Digests by which layers are named. image-spec config.md "Layer DiffID", "Layer ChainID" */

export const sha256 = (content: string | Uint8Array): string =>
  `sha256:${new Bun.CryptoHasher("sha256").update(content).digest("hex")}`;

/** The name of a stack of layers: the lowest has its diff id, each above `sha256("<chain id below> <diff id>")`. */
export const chainIdOf = (parent: string | undefined, diffId: string): string =>
  parent === undefined ? diffId : sha256(`${parent} ${diffId}`);

/** The chain ids of a stack, the lowest first. */
export function chainIdsOf(diffIds: readonly string[]): string[] {
  const chain: string[] = [];
  for (const diffId of diffIds) chain.push(chainIdOf(chain.at(-1), diffId));
  return chain;
}
