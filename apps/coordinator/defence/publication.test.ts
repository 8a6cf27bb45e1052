import fc from 'fast-check';
import { concat, keccak256 } from 'viem';
import { expect, it } from 'vitest';
import type { Root } from '#core/hashing';
import { batchTree } from '../batching/batch-plan.js';
import { partsOf } from './publication.js';

const pair = (a: Root, b: Root): Root => keccak256(a < b ? concat([a, b]) : concat([b, a]));
const digest = fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => keccak256(bytes));

it('shows every leaf once, in parts of at most 128 that lead to the root, as Requests.publish wants them', () => {
  fc.assert(
    fc.property(fc.uniqueArray(digest, { minLength: 1, maxLength: 700 }), (digests) => {
      const tree = batchTree(digests);
      const parts = partsOf(tree);
      expect(parts.flatMap(({ values }) => values).sort((a, b) => a - b)).toEqual(digests.map((_, i) => i));
      expect(parts.length).toBe(digests.length <= 128 ? 1 : 2 ** Math.ceil(Math.log2(digests.length) - 7));
      for (const { node, values, siblings } of parts) {
        expect(values.length).toBeLessThanOrEqual(128);
        expect(batchTree(values.map((value) => digests[value]!)).root).toBe(node);
        expect(siblings.reduce(pair, node)).toBe(tree.root);
        expect(2 ** siblings.length).toBe(parts.length);
      }
      expect(parts.map(({ node }) => node)).toEqual(parts.map(({ node }) => node).sort());
    }),
    { numRuns: 40 },
  );
});
