import { StandardMerkleTree } from '@openzeppelin/merkle-tree';
import { AssayError, claimDigest, drawOrder, type NetworkId } from '#core/protocol';
import type { BatchedClaim } from '#io/messaging';
import type { SeenBatch } from '../watching/batch-watch.js';

/**
 * The claims served, in the order in which they are drawn.
 * @throws AssayError DATA_UNAVAILABLE unless they are those whose root is on chain
 */
export function claimsOfBatch(batch: SeenBatch, served: readonly BatchedClaim[], network: NetworkId): BatchedClaim[] {
  const digests = served.map(({ claim }) => claimDigest(network, claim));
  const { root } = StandardMerkleTree.of(digests.map((digest) => [digest]), ['bytes32']);
  if (served.length === batch.count && root === batch.root) return drawOrder(served, ({ claim }) => claimDigest(network, claim));
  throw new AssayError({ code: 'DATA_UNAVAILABLE', message: 'the claims served are not those of the batch', facts: { batchId: batch.batchId, onChain: batch.root, served: root, count: batch.count } });
}
