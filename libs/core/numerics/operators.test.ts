import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { elementCount } from '#core/hashing';
import type { Descriptor } from './descriptor.js';
import { evaluateElement, statesOf, type ReadElement } from './evaluation.js';
import { f32FromNumber, f32ToNumber } from './float32.js';
import { convAttributes } from './operators/conv.js';
import { matMulAttributes } from './operators/matmul.js';
import { concatAttributes, sliceAttributes, transposeAttributes } from './operators/movement.js';
import { argMaxAttributes, reduceMaxAttributes } from './operators/extremes.js';
import { averagePoolAttributes, maxPoolAttributes } from './operators/pooling.js';
import { operatorByCode, operatorByName } from './registry.js';

type Dims = readonly number[];

function describeOperator(name: string, operands: readonly Dims[], output: Dims, attributes: readonly bigint[] = []): Descriptor {
  const operandRefs = operands.map((dims, index) => ({ kind: 'input' as const, index, dtype: 'float32' as const, dims }));
  return { op: operatorByName(name).code, outputIndex: 0, output: { dtype: 'float32', dims: output }, operands: operandRefs, attributes };
}

const readFrom = (...tensors: readonly (readonly number[])[]): ReadElement => (slot, element) => BigInt(f32FromNumber(tensors[slot]![element]!));
const valueOf = (word: bigint): number => f32ToNumber(Number(word));
const every = (d: Descriptor, read: ReadElement): number[] => Array.from({ length: elementCount(d.output.dims) }, (_, i) => valueOf(evaluateElement(d, i, read)));

const square = { kernel: [2, 2], strides: [1, 1], pads: [0, 0, 0, 0], dilations: [1, 1] } as const;
const conv = (block: number, pads: readonly [number, number, number, number] = [0, 0, 0, 0]) => convAttributes({ ...square, pads, groups: 1, block });

/** One good descriptor per operator; the properties below start from these. */
const GOOD: Record<string, Descriptor> = {
  Add: describeOperator('Add', [[2, 1, 3], [4, 1]], [2, 4, 3]),
  Exp: describeOperator('Exp', [[5]], [5]),
  Conv: describeOperator('Conv', [[1, 4, 3, 3], [4, 2, 2, 2], [4]], [1, 4, 4, 4], convAttributes({ ...square, pads: [1, 1, 1, 1], groups: 2, block: 3 })),
  MatMul: describeOperator('MatMul', [[2, 2, 5], [5, 3]], [2, 2, 3], matMulAttributes({ block: 2 })),
  MaxPool: describeOperator('MaxPool', [[1, 2, 3, 3]], [1, 2, 2, 2], maxPoolAttributes(square)),
  AveragePool: describeOperator('AveragePool', [[1, 2, 3, 3]], [1, 2, 3, 3], averagePoolAttributes({ ...square, pads: [1, 1, 0, 0], countPadding: false })),
  ReduceMax: describeOperator('ReduceMax', [[2, 3, 4]], [2, 1, 4], reduceMaxAttributes({ axis: 1 })),
  Reshape: describeOperator('Reshape', [[2, 6]], [3, 4]),
  Transpose: describeOperator('Transpose', [[2, 3, 4]], [4, 2, 3], transposeAttributes({ permutation: [2, 0, 1] })),
  Concat: describeOperator('Concat', [[2, 1], [2, 3]], [2, 4], concatAttributes({ axis: 1 })),
  Slice: describeOperator('Slice', [[5, 4]], [2, 2], sliceAttributes({ starts: [1, 0], steps: [3, 2] })),
};

describe('a descriptor that passes its check', () => {
  test.each(Object.keys(GOOD))('%s reads inside its operands and never throws', (name) => {
    const d = GOOD[name]!;
    const operator = operatorByCode(d.op);
    operator.check(d);
    const steps = operator.steps(d);
    expect(steps).toBeGreaterThanOrEqual(1);
    const word = fc.bigInt({ min: 0n, max: 2n ** 32n - 1n });
    fc.assert(
      fc.property(fc.nat(elementCount(d.output.dims) - 1), fc.nat(steps - 1), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.array(word, { minLength: 3, maxLength: 3 }), (element, step, state, words) => {
        const reads = operator.operands(d, { element, step }, state);
        for (const read of reads) expect(read.element).toBeLessThan(elementCount(d.operands[read.slot]!.dims));
        const next = operator.apply(d, { element, step }, state, words.slice(0, reads.length));
        expect(next >= 0n && next < 2n ** 64n).toBe(true);
      }),
    );
  });

  test.each(Object.keys(GOOD))('%s ends in a word of its element', (name) => {
    const d = GOOD[name]!;
    for (let element = 0; element < elementCount(d.output.dims); element++) {
      const states = statesOf(d, element, (slot, at) => BigInt(f32FromNumber(slot + at / 3)));
      expect(states.length).toBe(operatorByCode(d.op).steps(d));
      expect(states.at(-1)! < 2n ** 32n).toBe(true);
    }
  });
});

describe('a check refuses', () => {
  const refusals: [string, Descriptor, string][] = [
    ['another shape than broadcasting gives', describeOperator('Add', [[2, 3], [3]], [2, 2]), 'do not broadcast'],
    ['an output larger than its operands make it', describeOperator('Add', [[1], [1]], [4]), 'larger than its operands'],
    ['too few operands', describeOperator('Mul', [[2]], [2]), '1 operands, not 2'],
    ['a type it does not compute in', { ...GOOD['Exp']!, output: { dtype: 'int32', dims: [5] } }, 'type int32'],
    ['an output index', { ...GOOD['Exp']!, outputIndex: 1 }, 'output 1'],
    ['a block of zero', { ...GOOD['MatMul']!, attributes: [0n] }, 'attribute 0 is 0'],
    ['a negative stride', { ...GOOD['Conv']!, attributes: [-1n, ...GOOD['Conv']!.attributes.slice(1)] }, 'attribute 0 is -1'],
    ['groups that do not divide', describeOperator('Conv', [[1, 3, 2, 2], [2, 1, 2, 2]], [1, 2, 1, 1], convAttributes({ ...square, groups: 3, block: 1 })), 'groups'],
    ['a window that does not fit', describeOperator('MaxPool', [[1, 1, 1, 5]], [1, 1, 1, 4], maxPoolAttributes(square)), 'window of extent 2'],
    ['a slice past the end', describeOperator('Slice', [[4]], [3], sliceAttributes({ starts: [1], steps: [2] })), 'leaves axis 0'],
    ['a permutation that repeats', describeOperator('Transpose', [[2, 2]], [2, 2], [0n, 0n]), 'repeats an axis'],
    ['parts that do not add up', describeOperator('Concat', [[2], [2]], [5], concatAttributes({ axis: 0 })), 'add up'],
    ['an average over the whole input', describeOperator('AveragePool', [[1, 1, 2, 2]], [1, 1, 1, 1], averagePoolAttributes({ ...square, countPadding: false })), 'as large as the input'],
  ];
  test.each(refusals)('%s', (_, d, reason) => expect(() => operatorByCode(d.op).check(d)).toThrow(reason));
});

describe('meaning', () => {
  test('a blocked sum goes through total and block', () => {
    const d = describeOperator('MatMul', [[1, 3], [3, 1]], [1, 1], matMulAttributes({ block: 2 }));
    const states = statesOf(d, 0, readFrom([1, 2, 3], [10, 20, 30]));
    const halves = states.map((state) => [valueOf(state & 0xffffffffn), valueOf(state >> 32n)]);
    expect(halves).toEqual([[0, 10], [0, 50], [50, 0], [50, 90], [140, 0]]);
  });

  test('a block boundary changes the rounding', () => {
    const read = readFrom([1, 2 ** -24, 2 ** -24], [1, 1, 1]);
    const product = (block: number) => valueOf(evaluateElement(describeOperator('MatMul', [[1, 3], [3, 1]], [1, 1], matMulAttributes({ block })), 0, read));
    expect(product(3)).toBe(1);
    expect(product(1)).toBe(1);
    expect(valueOf(evaluateElement(describeOperator('MatMul', [[1, 4], [4, 1]], [1, 1], matMulAttributes({ block: 2 })), 0, readFrom([1, 0, 2 ** -24, 2 ** -24], [1, 1, 1, 1])))).toBe(1 + 2 ** -23);
  });

  test('Conv multiplies padding, adds the bias last', () => {
    const plain = describeOperator('Conv', [[1, 1, 3, 3], [1, 1, 2, 2], [1]], [1, 1, 2, 2], conv(128));
    expect(every(plain, readFrom([1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 2, 3, 4], [0.5]))).toEqual([37.5, 47.5, 67.5, 77.5]);
    const padded = describeOperator('Conv', [[1, 1, 1, 1], [1, 1, 2, 2]], [1, 1, 1, 1], conv(128, [1, 1, 0, 0]));
    expect(every(padded, readFrom([1], [Infinity, 0, 0, 5]))).toEqual([NaN]);
  });

  test('grouped channels see their own inputs only', () => {
    const d = describeOperator('Conv', [[1, 2, 1, 2], [2, 1, 1, 1]], [1, 2, 1, 2], convAttributes({ strides: [1, 1], pads: [0, 0, 0, 0], dilations: [1, 1], groups: 2, block: 128 }));
    expect(every(d, readFrom([1, 2, 3, 4], [10, 100]))).toEqual([10, 20, 300, 400]);
  });

  test('pools leave padding out', () => {
    const max = describeOperator('MaxPool', [[1, 1, 2, 2]], [1, 1, 2, 2], maxPoolAttributes({ ...square, pads: [1, 1, 0, 0] }));
    expect(every(max, readFrom([-1, -2, -3, -4]))).toEqual([-1, -1, -1, -1]);
    const mean = (countPadding: boolean) => describeOperator('AveragePool', [[1, 1, 2, 3]], [1, 1, 2, 3], averagePoolAttributes({ ...square, pads: [1, 1, 0, 0], countPadding }));
    expect(every(mean(false), readFrom([8, 4, 2, 4, 8, 2]))).toEqual([8, 6, 3, 6, 6, 4]);
    expect(every(mean(true), readFrom([8, 4, 2, 4, 8, 2]))).toEqual([2, 3, 1.5, 3, 6, 4]);
  });

  test('Relu lets neither NaN nor −0 through', () => {
    const d = describeOperator('Relu', [[5]], [5]);
    expect(every(d, readFrom([NaN, -0, -1, 2, Infinity]))).toEqual([0, 0, 0, 2, Infinity]);
  });

  test('Rectify lets NaN through and no −0', () => {
    const d = describeOperator('Rectify', [[5]], [5]);
    expect(every(d, readFrom([NaN, -0, -1, 2, Infinity]))).toEqual([NaN, 0, 0, 2, Infinity]);
  });

  test('movement puts elements where ONNX does', () => {
    expect(every(describeOperator('Transpose', [[2, 3]], [3, 2], transposeAttributes({ permutation: [1, 0] })), readFrom([1, 2, 3, 4, 5, 6]))).toEqual([1, 4, 2, 5, 3, 6]);
    expect(every(GOOD['Concat']!, readFrom([1, 2], [3, 4, 5, 6, 7, 8]))).toEqual([1, 3, 4, 5, 2, 6, 7, 8]);
    expect(every(GOOD['Slice']!, readFrom(Array.from({ length: 20 }, (_, i) => i)))).toEqual([4, 6, 16, 18]);
  });

  test('a copied NaN becomes canonical', () => {
    expect(evaluateElement(GOOD['Reshape']!, 0, () => 0xffc00001n)).toBe(0x7fc00000n);
  });
});
