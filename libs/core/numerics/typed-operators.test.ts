import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { elementCount, type Dtype } from '#core/hashing';
import type { Descriptor } from './descriptor.js';
import { evaluateElement, statesOf, type ReadElement } from './evaluation.js';
import { f32FromNumber } from './float32.js';
import { integerOf, wordOf } from './integers.js';
import { argMaxAttributes, reduceMaxAttributes } from './operators/extremes.js';
import { operatorByCode, operatorByName } from './registry.js';

type Operand = readonly [Dtype, readonly number[]];

function describeOperator(name: string, operands: readonly Operand[], output: Operand, attributes: readonly bigint[] = []): Descriptor {
  const refs = operands.map(([dtype, dims], index) => ({ kind: 'input' as const, index, dtype, dims }));
  return { op: operatorByName(name).code, outputIndex: 0, output: { dtype: output[0], dims: output[1] }, operands: refs, attributes };
}

const same = (dtype: Dtype): Operand => [dtype, [3]];
const GOOD: Readonly<Record<string, Descriptor>> = {
  Add: describeOperator('Add', [['int32', [2, 1]], ['int32', [3]]], ['int32', [2, 3]]),
  Div: describeOperator('Div', [same('int64'), same('int64')], same('int64')),
  Mod: describeOperator('Mod', [same('int32'), same('int32')], same('int32')),
  PRelu: describeOperator('PRelu', [same('float32'), ['float32', []]], same('float32')),
  Less: describeOperator('Less', [['float32', [2, 1]], ['float32', [3]]], ['bool', [2, 3]]),
  Equal: describeOperator('Equal', [same('bool'), same('bool')], same('bool')),
  And: describeOperator('And', [same('bool'), same('bool')], same('bool')),
  Not: describeOperator('Not', [same('bool')], same('bool')),
  Where: describeOperator('Where', [['bool', [2, 1]], ['int64', [3]], ['int64', []]], ['int64', [2, 3]]),
  Cast: describeOperator('Cast', [same('float32')], same('uint8')),
  Tanh: describeOperator('Tanh', [same('float32')], same('float32')),
  Erf: describeOperator('Erf', [same('float32')], same('float32')),
  ReduceMin: describeOperator('ReduceMin', [['int8', [2, 3]]], ['int8', [2, 1]], reduceMaxAttributes({ axis: 1 })),
  ArgMax: describeOperator('ArgMax', [['float32', [2, 5]]], ['int64', [2, 1]], argMaxAttributes({ axis: 1, last: false })),
};

test.each(Object.entries(GOOD))('%s reads inside its operands and never throws', (_, d) => {
  const operator = operatorByCode(d.op);
  operator.check(d);
  const word = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
  const index = fc.nat(elementCount(d.output.dims) - 1);
  fc.assert(
    fc.property(index, fc.nat(operator.steps(d) - 1), word, fc.array(word, { minLength: 3, maxLength: 3 }), (element, step, state, words) => {
      const reads = operator.operands(d, { element, step }, state);
      for (const read of reads) expect(read.element).toBeLessThan(elementCount(d.operands[read.slot]!.dims));
      const fitting = reads.map(({ slot }, i) => wordOf(words[i]!, d.operands[slot]!.dtype));
      expect(operator.apply(d, { element, step }, state, fitting) < 2n ** 64n).toBe(true);
    }),
  );
});

describe('a check refuses', () => {
  const refusals: [string, Descriptor, string][] = [
    ['types that differ', describeOperator('Add', [same('int32'), same('int64')], same('int32')), 'type int64'],
    ['arithmetic on bytes', describeOperator('Add', [same('uint8'), same('uint8')], same('uint8')), 'type uint8'],
    ['a comparison that gives a number', describeOperator('Less', [same('int32'), same('int32')], same('int32')), 'type int32, not bool'],
    ['logic on numbers', describeOperator('And', [same('int32'), same('int32')], same('bool')), 'type int32'],
    ['a condition that is a number', describeOperator('Where', [same('int32'), same('int32'), same('int32')], same('int32')), 'type int32, not bool'],
    ['branches of two types', describeOperator('Where', [same('bool'), same('int32'), same('int64')], same('int32')), 'both branches'],
    ['a cast to the same type', describeOperator('Cast', [same('int32')], same('int32')), 'the same type'],
    ['a cast to another shape', describeOperator('Cast', [same('int32')], ['bool', [4]]), 'shape'],
    ['positions that are no int64', describeOperator('ArgMax', [same('float32')], ['int32', [1]], argMaxAttributes({ axis: 0, last: false })), 'type int32'],
    ['positions in int64', describeOperator('ArgMax', [same('int64')], ['int64', [1]], argMaxAttributes({ axis: 0, last: false })), 'type int64'],
    ['a remainder of floats', describeOperator('Mod', [same('float32'), same('float32')], same('float32')), 'type float32'],
  ];
  test.each(refusals)('%s', (_, d, reason) => expect(() => operatorByCode(d.op).check(d)).toThrow(reason));
});

const reader = (d: Descriptor, tensors: readonly (readonly number[])[]): ReadElement => (slot, element) => {
  const { dtype } = d.operands[slot]!;
  const value = tensors[slot]![element]!;
  return dtype === 'float32' ? BigInt(f32FromNumber(value)) : wordOf(BigInt(value), dtype);
};

function integers(d: Descriptor, ...tensors: readonly (readonly number[])[]): number[] {
  return Array.from({ length: elementCount(d.output.dims) }, (_, i) => Number(integerOf(evaluateElement(d, i, reader(d, tensors)), d.output.dtype)));
}

describe('meaning', () => {
  const [least, most] = [-(2 ** 31), 2 ** 31 - 1];

  test('integers wrap around', () => {
    expect(integers(describeOperator('Add', [same('int32'), same('int32')], same('int32')), [most, -1, 5], [1, -1, 2])).toEqual([least, -2, 7]);
    expect(integers(describeOperator('Mul', [same('int32'), same('int32')], same('int32')), [65536, most, -3], [65536, 2, 7])).toEqual([0, -2, -21]);
  });

  test('integer quotients go towards zero, remainders have the divisor’s sign, and zero divides to zero', () => {
    expect(integers(GOOD['Div']!, [-7, 7, 7], [2, -2, 0])).toEqual([-3, -3, 0]);
    expect(integers(GOOD['Mod']!, [-7, 7, 7], [3, -3, 0])).toEqual([2, -2, 0]);
  });

  test('NaN compares to nothing, and zeros are equal', () => {
    const compare = (name: string, a: number[], b: number[]) => integers(describeOperator(name, [same('float32'), same('float32')], same('bool')), a, b);
    expect(compare('Less', [NaN, -0, -1], [1, 0, 1])).toEqual([0, 0, 1]);
    expect(compare('LessOrEqual', [NaN, 0, 2], [NaN, -0, 1])).toEqual([0, 1, 0]);
    expect(compare('Equal', [NaN, 0, 2], [NaN, -0, 2])).toEqual([0, 1, 1]);
  });

  test('casts cut, saturate, round and lose upper bits', () => {
    const cast = (from: Dtype, to: Dtype, values: number[]) => integers(describeOperator('Cast', [same(from)], same(to)), values);
    expect(cast('float32', 'int32', [-1.9, 3e9, NaN])).toEqual([-1, most, most]);
    expect(cast('float32', 'uint8', [-0.9, -7, 300])).toEqual([0, 0, 255]);
    expect(cast('float32', 'bool', [NaN, -0, 1e-45])).toEqual([1, 0, 1]);
    expect(cast('int32', 'int8', [200, -129, 5])).toEqual([-56, 127, 5]);
    const rounded = describeOperator('Cast', [same('int32')], same('float32'));
    expect(evaluateElement(rounded, 0, () => BigInt(2 ** 24 + 1))).toBe(BigInt(f32FromNumber(2 ** 24)));
  });

  test('of equal elements the first is found, or the last', () => {
    const argument = (name: string, last: boolean) => describeOperator(name, [['float32', [5]]], ['int64', [1]], argMaxAttributes({ axis: 0, last }));
    expect(integers(argument('ArgMax', false), [1, 3, -0, 3, 0])).toEqual([1]);
    expect(integers(argument('ArgMax', true), [1, 3, -0, 3, 0])).toEqual([3]);
    expect(integers(argument('ArgMin', false), [1, 3, 0, 3, -0])).toEqual([2]);
    expect(integers(argument('ArgMin', true), [1, 3, 0, 3, -0])).toEqual([4]);
    const states = statesOf(argument('ArgMax', false), 0, reader(argument('ArgMax', false), [[1, 3, -0, 3, 0]]));
    expect(states.slice(0, 2).map((state) => [state >> 32n, state & 0xffffffffn])).toEqual([[BigInt(f32FromNumber(1)), 0n], [BigInt(f32FromNumber(3)), 1n]]);
    expect(states.length).toBe(6);
  });

  test('a slope is for what is below zero', () => {
    const states = [2, -2, NaN].map((x) => evaluateElement(GOOD['PRelu']!, 0, (slot) => BigInt(f32FromNumber(slot === 0 ? x : -3))));
    expect(states).toEqual([f32FromNumber(2), f32FromNumber(6), 0x7fc00000].map(BigInt));
  });

});
