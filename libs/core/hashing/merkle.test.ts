import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { listRoot, MerkleTree, mixInLength, rootFromSiblings, toRoot, ZERO_ROOT, type Root } from './index.js';

const sha = (...parts: Uint8Array[]) => new Uint8Array(parts.reduce((h, p) => h.update(p), createHash('sha256')).digest());

/** The definition, written out: pad with zero leaves to a power of two, hash pairs. */
function plainRoot(leaves: Uint8Array[]): Uint8Array {
  let level = [...leaves];
  while (Math.log2(level.length) % 1 !== 0) level.push(new Uint8Array(32));
  while (level.length > 1) level = Array.from({ length: level.length / 2 }, (_, i) => sha(level[2 * i]!, level[2 * i + 1]!));
  return level[0]!;
}

const leaves = fc.array(fc.uint8Array({ minLength: 32, maxLength: 32 }), { minLength: 1, maxLength: 40 });
const flatten = (nodes: Uint8Array[]) => Uint8Array.from(nodes.flatMap((n) => [...n]));

describe('MerkleTree', () => {
  test('has the root of the zero-padded definition', () => {
    fc.assert(fc.property(leaves, (nodes) => { expect(new MerkleTree(flatten(nodes)).root).toBe(toRoot(plainRoot(nodes))); }));
  });

  test('every node, padding included, leads to the root by its siblings', () => {
    fc.assert(
      fc.property(leaves, fc.nat(), fc.nat(), (nodes, a, b) => {
        const tree = new MerkleTree(flatten(nodes));
        const level = a % (tree.depth + 1);
        const index = b % 2 ** (tree.depth - level);

        expect(rootFromSiblings(tree.node(level, index), index, tree.siblings(index, level))).toBe(tree.root);
      }),
    );
  });

  test('descendants hash up to their node', () => {
    const tree = new MerkleTree(flatten(Array.from({ length: 11 }, (_, i) => new Uint8Array(32).fill(i))));

    expect(MerkleTree.of(tree.descendants(3, 1, 2)).root).toBe(tree.node(3, 1));
  });

  test('refuses leaves that are not whole', () => {
    expect(() => new MerkleTree(new Uint8Array(33))).toThrow(RangeError);
    expect(() => new MerkleTree(new Uint8Array(0))).toThrow(RangeError);
  });

  test('nodes outside the tree do not exist', () => {
    const tree = MerkleTree.of([ZERO_ROOT, ZERO_ROOT, ZERO_ROOT]);

    expect(() => tree.node(0, 4)).toThrow(RangeError);
    expect(() => tree.node(3, 0)).toThrow(RangeError);
  });
});

test('frozen: list roots', () => {
  const items: Root[] = [`0x${'11'.repeat(32)}`, `0x${'22'.repeat(32)}`, `0x${'33'.repeat(32)}`];

  expect({ empty: listRoot([]), three: listRoot(items), mixed: mixInLength(ZERO_ROOT, 1) }).toMatchSnapshot();
});
