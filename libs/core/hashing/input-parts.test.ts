import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { boundRoot, byteLength, inputPartCount, inputParts, joinInput, listRoot, MerkleTree, rootFromSiblings, tensorRoot, type Dtype, type Tensor } from './index.js';

const tensor = fc.record({ dtype: fc.constantFrom<Dtype[]>('float32', 'uint8', 'int64'), dims: fc.tuple(fc.integer({ min: 0, max: 400 }), fc.integer({ min: 1, max: 200 })) }).map(({ dtype, dims }): Tensor => {
  const data = new Uint8Array(byteLength({ dtype, dims })).map((_, i) => (i * 31) % 251);
  return { dtype, dims, data };
});

/** WHY not the bytes: they are compared one by one, for seconds. */
const digestOf = ({ data, ...rest }: Tensor) => ({ ...rest, length: data.length, sha256: createHash('sha256').update(data).digest('hex') });

test('an input comes in parts that lead to its root, and is whole again from them', () => {
  fc.assert(
    fc.property(fc.array(tensor, { minLength: 1, maxLength: 3 }), (tensors) => {
      const { tensors: bound, parts } = inputParts(tensors);
      expect(boundRoot(bound)).toBe(listRoot(tensors.map(tensorRoot)));
      expect(parts).toHaveLength(inputPartCount(tensors));
      expect(joinInput(bound, parts.map(({ data }) => data))!.map(digestOf)).toEqual(tensors.map(digestOf));
      expect(joinInput(bound, parts.slice(1).map(({ data }) => data))).toBeUndefined();
      let part = 0;
      for (const [i, its] of tensors.entries()) {
        for (let index = 0; index < inputPartCount([its]); index++, part++) {
          const { data, siblings } = parts[part]!;
          expect(data.length).toBeLessThanOrEqual(65_536);
          const width = siblings.length > 0 ? 2_048 : Math.max(1, Math.ceil(data.length / 32));
          const chunks = new Uint8Array(32 * width);
          chunks.set(data);
          expect(rootFromSiblings(new MerkleTree(chunks).root, index, siblings)).toBe(bound[i]!.dataRoot);
        }
      }
    }),
    { numRuns: 25 },
  );
});
