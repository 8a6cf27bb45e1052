import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { elementCount, type Dtype } from '#core/hashing';
import type { Descriptor } from './descriptor.js';
import { evaluateElement, statesOf, type ReadElement } from './evaluation.js';
import { f32FromNumber, f32ToNumber } from './float32.js';
import { integerOf, wordOf } from './integers.js';
import { batchMatMulAttributes } from './operators/batch-matmul.js';
import { convTransposeAttributes } from './operators/conv-transpose.js';
import { cumSumAttributes } from './operators/cumulative.js';
import { padAttributes } from './operators/extension.js';
import { gatherAttributes } from './operators/indexing.js';
import { gemmAttributes } from './operators/gemm.js';
import { operatorByCode, operatorByName } from './registry.js';

// Products of two computed sides, indices, and copies from another place.

type Operand = readonly [dims: readonly number[], dtype?: Dtype];

function describeOperator(name: string, operands: readonly Operand[], [dims, dtype = 'float32']: Operand, attributes: readonly bigint[] = []): Descriptor {
  const refs = operands.map(([size, type = 'float32'], index) => ({ kind: 'input' as const, index, dtype: type, dims: size }));
  return { op: operatorByName(name).code, outputIndex: 0, output: { dtype, dims }, operands: refs, attributes };
}

const ONE = f32FromNumber(1);
const plain = { block: 2, transA: false, transB: false };
const spread = { strides: [2, 1], pads: [0, 1], dilations: [1, 2], groups: 2 } as const;

const GOOD: Readonly<Record<string, Descriptor>> = {
  BatchMatMul: describeOperator('BatchMatMul', [[[2, 1, 5, 3]], [[4, 2, 5]]], [[2, 4, 3, 2]], batchMatMulAttributes({ block: 2, transA: true, transB: true })),
  Gemm: describeOperator('Gemm', [[[3, 5]], [[5, 2]], [[2]]], [[3, 2]], gemmAttributes({ ...plain, alpha: f32FromNumber(0.5), beta: f32FromNumber(-2) })),
  ConvTranspose: describeOperator('ConvTranspose', [[[1, 4, 2, 3]], [[4, 3, 3, 2]], [[6]]], [[1, 6, 5, 4]], convTransposeAttributes(spread)),
  Gather: describeOperator('Gather', [[[2, 4, 3], 'int8'], [[2, 2], 'int32']], [[2, 2, 2, 3], 'int8'], gatherAttributes({ axis: 1 })),
  GatherElements: describeOperator('GatherElements', [[[3, 4]], [[2, 5], 'int64']], [[2, 5]], gatherAttributes({ axis: 1 })),
  Expand: describeOperator('Expand', [[[3, 1], 'bool']], [[2, 3, 4], 'bool']),
  Tile: describeOperator('Tile', [[[2, 3], 'int64']], [[4, 3], 'int64']),
  PadConstant: describeOperator('Pad', [[[2, 3], 'uint8']], [[4, 6], 'uint8'], padAttributes({ begins: [1, 0], mode: 'constant', word: 200n })),
  PadReflect: describeOperator('Pad', [[[3, 4]]], [[7, 7]], padAttributes({ begins: [2, 3], mode: 'reflect', word: 0n })),
  PadEdge: describeOperator('Pad', [[[1, 2]]], [[4, 2]], padAttributes({ begins: [3, 0], mode: 'edge', word: 0n })),
  Resize: describeOperator('Resize', [[[1, 2]]], [[3, 4]]),
  CumSum: describeOperator('CumSum', [[[2, 3], 'int32']], [[2, 3], 'int32'], cumSumAttributes({ axis: 1, exclusive: true, reverse: true })),
};

const word64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });

describe('a descriptor that passes its check', () => {
  test.each(Object.entries(GOOD))('%s reads inside its operands from any state, and never throws', (_, d) => {
    const operator = operatorByCode(d.op);
    operator.check(d);
    fc.assert(
      fc.property(fc.nat(elementCount(d.output.dims) - 1), fc.nat(operator.steps(d) - 1), word64, fc.array(word64, { minLength: 2, maxLength: 2 }), (element, step, state, words) => {
        const reads = operator.operands(d, { element, step }, state);
        for (const read of reads) expect(read.element).toBeLessThan(elementCount(d.operands[read.slot]!.dims));
        const fitting = reads.map(({ slot }, i) => wordOf(words[i]!, d.operands[slot]!.dtype));
        const next = operator.apply(d, { element, step }, state, fitting);
        expect(next >= 0n && next < 2n ** 64n).toBe(true);
      }),
    );
  });
});

describe('a check refuses', () => {
  const change = (d: Descriptor, attribute: number, value: bigint): Descriptor => ({ ...d, attributes: d.attributes.with(attribute, value) });
  const refusals: [string, Descriptor, string][] = [
    ['stacks that do not broadcast', describeOperator('BatchMatMul', [[[2, 3, 5]], [[3, 5, 2]]], [[3, 3, 2]], batchMatMulAttributes(plain)), 'stacks do not broadcast'],
    ['a stack larger than its operands make it', describeOperator('BatchMatMul', [[[1, 3, 5]], [[1, 5, 2]]], [[4, 3, 2]], batchMatMulAttributes(plain)), 'stacks do not broadcast'],
    ['inner sizes that differ once turned', change(GOOD['BatchMatMul']!, 2, 0n), 'inner dimensions'],
    ['a half-hearted transposition', change(GOOD['Gemm']!, 1, 2n), 'attribute 1 is 2'],
    ['an infinite factor', change(GOOD['Gemm']!, 3, 0x7f800000n), 'attribute 3 is not finite'],
    ['a factor that is no number', change(GOOD['Gemm']!, 4, 0xffc00000n), 'attribute 4'],
    ['an addend of another shape', describeOperator('Gemm', [[[3, 5]], [[5, 2]], [[3]]], [[3, 2]], gemmAttributes({ ...plain, alpha: ONE, beta: ONE })), 'addend'],
    ['groups that do not divide', change(GOOD['ConvTranspose']!, 6, 3n), 'groups'],
    ['indices that are no integers', describeOperator('Gather', [[[4]], [[2]]], [[2]], gatherAttributes({ axis: 0 })), 'indices of type float32'],
    ['an axis that is not there', change(GOOD['Gather']!, 0, 3n), 'attribute 0 is 3'],
    ['nothing to gather from', describeOperator('Gather', [[[0, 2]], [[1], 'int64']], [[1, 2]], gatherAttributes({ axis: 0 })), 'nothing to gather'],
    ['indices beyond the data off the axis', describeOperator('GatherElements', [[[3, 4]], [[4, 5], 'int64']], [[4, 5]], gatherAttributes({ axis: 1 })), 'off the axis'],
    ['a repetition that does not come out even', describeOperator('Tile', [[[2, 3]]], [[4, 4]]), 'no repetition'],
    ['an enlargement that is none', describeOperator('Resize', [[[2]]], [[3]]), 'whole multiple'],
    ['padding that cuts', describeOperator('Pad', [[[3]]], [[3]], padAttributes({ begins: [1], mode: 'edge', word: 0n })), 'too small'],
    ['a mirror as wide as what it mirrors', describeOperator('Pad', [[[3]]], [[6]], padAttributes({ begins: [3], mode: 'reflect', word: 0n })), 'mirrored'],
    ['an unknown mode', change(GOOD['PadEdge']!, 2, 3n), 'attribute 2 is 3'],
    ['a constant wider than an element', change(GOOD['PadConstant']!, 3, 256n), 'wider'],
    ['sums of bytes', describeOperator('CumSum', [[[3], 'uint8']], [[3], 'uint8'], cumSumAttributes({ axis: 0, exclusive: false, reverse: false })), 'type uint8'],
  ];
  test.each(refusals)('%s', (_, d, reason) => expect(() => operatorByCode(d.op).check(d)).toThrow(reason));
});

const reader = (d: Descriptor, tensors: readonly (readonly number[])[]): ReadElement => (slot, element) => {
  const { dtype } = d.operands[slot]!;
  return dtype === 'float32' ? BigInt(f32FromNumber(tensors[slot]![element]!)) : wordOf(BigInt(tensors[slot]![element]!), dtype);
};

function numbers(d: Descriptor, ...tensors: readonly (readonly number[])[]): number[] {
  const { dtype, dims } = d.output;
  return Array.from({ length: elementCount(dims) }, (_, i) => {
    const word = evaluateElement(d, i, reader(d, tensors));
    return dtype === 'float32' ? f32ToNumber(Number(word)) : Number(integerOf(word, dtype));
  });
}

describe('meaning', () => {
  test('a product reads the sides as they lie', () => {
    const both = (transA: boolean, transB: boolean) => describeOperator('BatchMatMul', [[transA ? [2, 1] : [1, 2]], [transB ? [2, 2] : [2, 2]]], [[1, 2]], batchMatMulAttributes({ block: 8, transA, transB }));
    expect(numbers(both(false, false), [1, 10], [1, 2, 3, 4])).toEqual([31, 42]);
    expect(numbers(both(true, false), [1, 10], [1, 2, 3, 4])).toEqual([31, 42]);
    expect(numbers(both(true, true), [1, 10], [1, 2, 3, 4])).toEqual([21, 43]);
  });

  test('Gemm begins with its addend, and every block enters through alpha', () => {
    const d = describeOperator('Gemm', [[[1, 3]], [[3, 1]], [[1]]], [[1, 1]], gemmAttributes({ ...plain, alpha: f32FromNumber(0.5), beta: f32FromNumber(10) }));
    const totals = statesOf(d, 0, reader(d, [[1, 2, 3], [10, 20, 30], [7]])).map((state) => f32ToNumber(Number(state & 0xffffffffn)));
    expect(totals).toEqual([70, 70, 70, 95, 95, 140]);
  });

  test('ConvTranspose spreads each input by the kernel', () => {
    const d = describeOperator('ConvTranspose', [[[1, 1, 1, 2]], [[1, 1, 1, 3]], [[1]]], [[1, 1, 1, 5]], convTransposeAttributes({ strides: [1, 2], pads: [0, 0], dilations: [1, 1], groups: 1 }));
    expect(numbers(d, [1, 10], [1, 2, 3], [0.5])).toEqual([1.5, 2.5, 13.5, 20.5, 30.5]);
  });

  test('indices count from the end if negative, and stop at both ends', () => {
    const d = describeOperator('Gather', [[[4]], [[7], 'int64']], [[7]], gatherAttributes({ axis: 0 }));
    expect(numbers(d, [10, 20, 30, 40], [0, 3, -1, -4, 4, -5, Number.MAX_SAFE_INTEGER])).toEqual([10, 40, 40, 10, 40, 10, 40]);
    const [index, word] = statesOf(d, 2, reader(d, [[10, 20, 30, 40], [0, 3, -1]]));
    expect([index, word]).toEqual([3n, BigInt(f32FromNumber(40))]);
  });

  test('indices of their own keep the place off the axis', () => {
    const d = describeOperator('GatherElements', [[[2, 3], 'int32'], [[2, 2], 'int32']], [[2, 2], 'int32'], gatherAttributes({ axis: 1 }));
    expect(numbers(d, [1, 2, 3, 4, 5, 6], [2, 0, -1, 1])).toEqual([3, 1, 6, 5]);
  });

  test('padding shows a constant, the edge, or the mirror', () => {
    const padded = (mode: 'constant' | 'edge' | 'reflect', word = 0n) => describeOperator('Pad', [[[3], 'int8']], [[7], 'int8'], padAttributes({ begins: [2], mode, word }));
    expect(numbers(padded('constant', 0xf9n), [1, 2, 3])).toEqual([-7, -7, 1, 2, 3, -7, -7]);
    expect(numbers(padded('edge'), [1, 2, 3])).toEqual([1, 1, 1, 2, 3, 3, 3]);
    expect(numbers(padded('reflect'), [1, 2, 3])).toEqual([3, 2, 1, 2, 3, 2, 1]);
  });

  test('a tile starts again, an enlargement stays', () => {
    expect(numbers(describeOperator('Tile', [[[2]]], [[4]]), [1, 2])).toEqual([1, 2, 1, 2]);
    expect(numbers(describeOperator('Resize', [[[2]]], [[4]]), [1, 2])).toEqual([1, 1, 2, 2]);
  });

  test('running sums keep a first −0, begin with +0 without it, and wrap around', () => {
    const sums = (exclusive: boolean, reverse: boolean, dtype: Dtype = 'float32') => describeOperator('CumSum', [[[3], dtype]], [[3], dtype], cumSumAttributes({ axis: 0, exclusive, reverse }));
    expect(numbers(sums(false, false), [-0, -0, 1])).toEqual([-0, -0, 1]);
    expect(numbers(sums(true, false), [-0, -0, 1])).toEqual([0, 0, 0]);
    expect(numbers(sums(false, true), [1, 2, 4])).toEqual([7, 6, 4]);
    expect(numbers(sums(true, true), [1, 2, 4])).toEqual([6, 4, 0]);
    expect(numbers(sums(false, false, 'int32'), [2 ** 31 - 1, 1, 0])).toEqual([2 ** 31 - 1, -(2 ** 31), -(2 ** 31)]);
  });
});
