import { StandardMerkleTree } from '@openzeppelin/merkle-tree';
import type { Root } from '#core/hashing';
import { AssayError, claimDigest, drawOrder, type NetworkId } from '#core/protocol';
import type { BatchedClaim } from '#io/messaging';
import type { SeenBatch } from '../watching/batch-watch.js';

/** A claim, its digest and its siblings up to the batch’s root. */
export interface PlacedClaim extends BatchedClaim {
  readonly digest: Root;
  readonly proof: readonly Root[];
}

/**
 * The claims served, in the order in which they are drawn, with their siblings in the batch’s tree.
 * @throws AssayError DATA_UNAVAILABLE unless they are those whose root is on chain
 */
export function claimsOfBatch(batch: SeenBatch, served: readonly BatchedClaim[], network: NetworkId): PlacedClaim[] {
  const facts = { batchId: batch.batchId, onChain: batch.root, count: batch.count };
  // WHY first: there is no tree of nothing.
  if (served.length !== batch.count) throw new AssayError({ code: 'DATA_UNAVAILABLE', message: 'another number of claims is served than is in the batch', facts: { ...facts, served: served.length } });
  const digests = served.map(({ claim }) => claimDigest(network, claim));
  const tree = StandardMerkleTree.of(digests.map((digest) => [digest]), ['bytes32']);
  if (tree.root !== batch.root) throw new AssayError({ code: 'DATA_UNAVAILABLE', message: 'the claims served are not those of the batch', facts: { ...facts, served: tree.root } });
  const placed = served.map((batched, i) => ({ ...batched, digest: digests[i]!, proof: tree.getProof(i) as Root[] }));
  return drawOrder(placed, ({ digest }) => digest);
}
