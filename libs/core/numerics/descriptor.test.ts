import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeDescriptor, descriptorLeaf, encodeDescriptor, type Descriptor } from './descriptor.js';

const header = fc.record({ dtype: fc.constantFrom('float32' as const, 'int64' as const), dims: fc.array(fc.integer({ min: 0, max: 70_000 }), { maxLength: 2 }) });
const descriptor: fc.Arbitrary<Descriptor> = fc.record({
  op: fc.integer({ min: 0, max: 255 }),
  outputIndex: fc.integer({ min: 0, max: 255 }),
  output: header,
  operands: fc.array(
    fc.tuple(fc.constantFrom('input' as const, 'initializer' as const, 'value' as const), fc.nat(), header).map(([kind, index, h]) => ({ kind, index, ...h })),
    { maxLength: 4 },
  ),
  attributes: fc.array(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), { maxLength: 9 }),
});

test('round-trips', () => {
  fc.assert(fc.property(descriptor, (d) => { expect(decodeDescriptor(encodeDescriptor(d))).toEqual(d); }));
});

test('refuses stray bytes and wrong lengths', () => {
  const encoded = encodeDescriptor({ op: 1, outputIndex: 0, output: { dtype: 'float32', dims: [2] }, operands: [], attributes: [3n] });

  expect(() => decodeDescriptor(`${encoded.slice(0, -1)}1` as `0x${string}`)).toThrow(RangeError);
  expect(() => decodeDescriptor(`${encoded}${'00'.repeat(32)}` as `0x${string}`)).toThrow(RangeError);
});

test('frozen', () => {
  const d: Descriptor = {
    op: 1, outputIndex: 0, output: { dtype: 'float32', dims: [1, 8, 28, 28] },
    operands: [{ kind: 'input', index: 0, dtype: 'float32', dims: [1, 1, 28, 28] }, { kind: 'initializer', index: 3, dtype: 'float32', dims: [8, 1, 5, 5] }],
    attributes: [5n, 5n, -1n, 2n, 128n],
  };

  expect({ encoded: encodeDescriptor(d), leaf: descriptorLeaf(d) }).toMatchSnapshot();
});
