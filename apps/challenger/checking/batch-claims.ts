import { StandardMerkleTree } from '@openzeppelin/merkle-tree';
import { AssayError, claimDigest, type NetworkId } from '#core/protocol';
import type { BatchedClaim } from '#io/messaging';
import type { SeenBatch } from '../watching/batch-watch.js';

/** @throws AssayError DATA_UNAVAILABLE unless these are, in this order, the claims whose root is on chain */
export function checkBatchRoot(batch: SeenBatch, claims: readonly BatchedClaim[], network: NetworkId): void {
  const digests = claims.map(({ claim }) => claimDigest(network, claim));
  const tree = StandardMerkleTree.of(digests.map((digest) => [digest]), ['bytes32']);
  if (claims.length === batch.count && tree.root === batch.root) return;
  throw new AssayError({ code: 'DATA_UNAVAILABLE', message: 'the claims served are not those of the batch', facts: { batchId: batch.batchId, onChain: batch.root, served: tree.root, count: batch.count } });
}
