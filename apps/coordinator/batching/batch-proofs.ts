import type { StandardMerkleTree } from '@openzeppelin/merkle-tree';
import type { Root } from '#core/hashing';
import { AssayError } from '#core/protocol';
import { batchTree } from './batch-plan.js';

const MAX_TREES = 16;

/** Proofs of inclusion; keeps the trees of the batches asked for last. */
export class BatchProofs {
  private readonly trees = new Map<number, Promise<StandardMerkleTree<[Root]>>>();

  constructor(private readonly leavesOf: (batchSeq: number) => Promise<Root[]>) {}

  readonly proofIn = async (batchSeq: number, digest: Root): Promise<Root[]> => {
    const tree = await this.tree(batchSeq);
    for (const [index, [leaf]] of tree.entries()) if (leaf === digest) return tree.getProof(index) as Root[];
    throw new AssayError({ code: 'INVARIANT_BROKEN', message: 'a claim is not in its batch', facts: { batchSeq, digest } });
  };

  private tree(batchSeq: number): Promise<StandardMerkleTree<[Root]>> {
    const tree = this.trees.get(batchSeq) ?? this.leavesOf(batchSeq).then(batchTree);
    this.trees.delete(batchSeq);
    this.trees.set(batchSeq, tree);
    tree.catch(() => this.trees.delete(batchSeq));
    if (this.trees.size > MAX_TREES) this.trees.delete(this.trees.keys().next().value!);
    return tree;
  }
}
