import { MerkleTree, ZERO_ROOT, type Root } from '#core/hashing';
import { openedLevels } from './fanout.js';
import { PHASE } from './game.js';
import type { Reveal } from './moves.js';

interface OpenedTree {
  /** Level of the tree's root in the trace tree, and its index there. */
  readonly level: number;
  readonly index: number;
  readonly tree: MerkleTree;
}

/**
 * The executor's trace tree as far as a challenger can know it: the nodes revealed, and for the rest its own.
 * WHY its own: the challenger always chose the first node that differs, so everything left of the path to the chosen
 * leaf v is common ground. The siblings on the way from a leaf m < v to the root are left of that path, on it, or
 * siblings of nodes on it; the last two kinds have been revealed.
 */
export class KnownTrace {
  private readonly opened: readonly OpenedTree[];

  constructor(
    private readonly own: MerkleTree,
    reveals: readonly Reveal[],
  ) {
    this.opened = reveals.filter(({ game }) => game.phase === PHASE.trace && game.traceRoot !== ZERO_ROOT).map(openedTree);
  }

  node(level: number, index: number): Root {
    for (const { level: top, index: root, tree } of this.opened) {
      const bottom = top - tree.depth;
      const under = Math.floor(index / 2 ** (top - level)) === root;
      if (level >= bottom && level <= top && under) return tree.node(level - bottom, index - root * 2 ** (top - level));
    }
    return this.own.node(level, index);
  }

  /** Siblings of a leaf up to the executor's trace root. */
  siblings(leaf: number): Root[] {
    return Array.from({ length: this.own.depth }, (_, level) => this.node(level, Math.floor(leaf / 2 ** level) ^ 1));
  }
}

function openedTree({ nodes, game }: Reveal): OpenedTree {
  const tree = MerkleTree.of(nodes);
  if (tree.depth !== openedLevels(game.depth)) throw new RangeError('a reveal with another number of nodes than its depth opens');
  return { level: game.depth, index: Number(game.position), tree };
}
