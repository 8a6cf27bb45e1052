import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  canonicalizeNaNs, chunkCount, decodeHeader, DTYPES, elementCount, elementWord, encodeHeader, firstNonCanonicalByte, tensorRoot, tensorTree,
  type Dtype, type Root, type Tensor, type TensorHeader,
} from './index.js';

const header = fc.record({
  dtype: fc.constantFrom(...(Object.keys(DTYPES) as Dtype[])),
  dims: fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 7 }),
});

function tensor(h: TensorHeader, fill = 1): Tensor {
  return { ...h, data: new Uint8Array(elementCount(h.dims) * DTYPES[h.dtype].size).fill(fill) };
}

describe('header', () => {
  test('round-trips', () => {
    fc.assert(fc.property(header, (h) => { expect(decodeHeader(encodeHeader(h))).toEqual(h); }));
  });

  test.each([
    ['unknown dtype', '0x0b'],
    ['rank above 7', '0x0108'],
    ['size beyond the rank', '0x010000000001'],
    ['stray last byte', `0x0101${'00'.repeat(29)}01`],
  ])('refuses %s', (_, start) => {
    expect(() => decodeHeader(start.padEnd(66, '0') as Root)).toThrow(RangeError);
  });

  test('refuses what does not fit', () => {
    expect(() => encodeHeader({ dtype: 'int8', dims: [2 ** 32] })).toThrow(RangeError);
    expect(() => encodeHeader({ dtype: 'int8', dims: [2 ** 21, 2 ** 21] })).toThrow(RangeError);
    expect(() => encodeHeader({ dtype: 'int8', dims: [1, 1, 1, 1, 1, 1, 1, 1] })).toThrow(RangeError);
  });
});

describe('tensor root', () => {
  test('depends on dtype, shape and every byte', () => {
    const base = tensor({ dtype: 'int32', dims: [2, 5] });
    const changed = { ...base, data: base.data.map((b, i) => (i === 39 ? 2 : b)) };
    const roots = [base, changed, { ...base, dims: [5, 2] }, { ...base, dtype: 'float32' as const }].map(tensorRoot);

    expect(new Set(roots).size).toBe(4);
  });

  test('an empty tensor is one zero chunk', () => {
    const empty = tensor({ dtype: 'float32', dims: [0, 3] });

    expect(chunkCount(empty)).toBe(1);
    expect(tensorTree(empty).depth).toBe(0);
  });

  test('refuses data of the wrong length', () => {
    expect(() => tensorTree({ dtype: 'float32', dims: [3], data: new Uint8Array(11) })).toThrow(RangeError);
  });

  test('frozen', () => {
    const ramp: Tensor = { dtype: 'float32', dims: [1, 3, 5], data: new Uint8Array(Float32Array.from({ length: 15 }, (_, i) => i / 4).buffer) };

    expect({ header: encodeHeader(ramp), root: tensorRoot(ramp) }).toMatchSnapshot();
  });
});

test('NaNs of every payload and sign become 0x7fc00000, other values keep their bits', () => {
  const words = Uint32Array.of(0xffc00001, 0x7f800001, 0x7f800000, 0x80000000, 0x3f800000);

  canonicalizeNaNs({ dtype: 'float32', dims: [5], data: new Uint8Array(words.buffer) });

  expect([...words]).toEqual([0x7fc00000, 0x7fc00000, 0x7f800000, 0x80000000, 0x3f800000]);
});

const anyBits = fc.oneof(fc.integer({ min: 0, max: 2 ** 32 - 1 }), fc.constantFrom(0x7fc00000, 0xffc00000, 0x7f800000, 0xff800000, 0x7f800001, 0x7fc00001, 0x7fffffff, 0x80000000, 0));

test('the first byte that is not canonical is where canonical bytes differ, wherever the tensor lies in its buffer', () => {
  fc.assert(
    fc.property(fc.array(fc.oneof({ weight: 9, arbitrary: fc.constant(0x7fc00000) }, anyBits), { maxLength: 12 }), fc.integer({ min: 0, max: 3 }), (words, offset) => {
      const data = new Uint8Array(new ArrayBuffer(offset + 4 * words.length), offset);
      data.set(new Uint8Array(Uint32Array.from(words).buffer));
      const canonical = canonicalizeNaNs({ dtype: 'float32', dims: [words.length], data: new Uint8Array(data) }).data;
      expect(firstNonCanonicalByte({ dtype: 'float32', dims: [words.length], data })).toBe(data.findIndex((byte, i) => byte !== canonical[i]));
      expect(firstNonCanonicalByte({ dtype: 'bool', dims: [data.length], data })).toBe(data.findIndex((byte) => byte > 1));
      expect(firstNonCanonicalByte({ dtype: 'int32', dims: [words.length], data })).toBe(-1);
    }),
  );
});

test('element words are zero-extended little-endian', () => {
  const int64 = new Uint8Array(BigInt64Array.of(-2n, 3n).buffer);

  expect(elementWord({ dtype: 'int64', dims: [2], data: int64 }, 0)).toBe(2n ** 64n - 2n);
  expect(elementWord({ dtype: 'int8', dims: [2], data: Uint8Array.of(1, 255) }, 1)).toBe(255n);
  expect(elementWord({ dtype: 'float32', dims: [1], data: new Uint8Array(Float32Array.of(1).buffer) }, 0)).toBe(0x3f800000n);
});
