import { expect, test } from 'vitest';
import { OPERATORS, OUTPUTS_CODE, operatorByCode, operatorByName } from './registry.js';

test('codes are frozen', () => {
  expect(Object.fromEntries(OPERATORS.map(({ name, code }) => [name, code]))).toEqual({
    Add: 1, Sub: 2, Mul: 3, Div: 4, Max: 5, Min: 6,
    Less: 7, LessOrEqual: 8, Equal: 9, And: 10, Or: 11, Xor: 12, PRelu: 13, Mod: 14,
    Neg: 16, Abs: 17, Sqrt: 18, Exp: 19, Relu: 20,
    Tanh: 21, Sigmoid: 22, Erf: 23, Floor: 24, Ceil: 25, Round: 26, Not: 27, Cast: 28, QuantizeLinear: 29, DequantizeLinear: 30, Rectify: 31,
    Conv: 32, MatMul: 33, BatchMatMul: 34, Gemm: 35, ConvTranspose: 36,
    MatMulInteger: 37, ConvInteger: 38, QLinearMatMul: 39, QLinearConv: 40,
    MaxPool: 48, AveragePool: 49, ReduceMax: 50, ReduceMin: 51, ArgMax: 52, ArgMin: 53, Where: 54,
    Reshape: 64, Transpose: 65, Concat: 66, Slice: 67,
    Gather: 68, GatherElements: 69, Expand: 70, Tile: 71, Pad: 72, Resize: 73, CumSum: 74,
  });
});

test('every operator has a name and a code of its own, none that of the outputs entry', () => {
  expect(new Set(OPERATORS.map(({ name }) => name)).size).toBe(OPERATORS.length);
  expect(new Set(OPERATORS.map(({ code }) => code)).size).toBe(OPERATORS.length);
  for (const operator of OPERATORS) {
    expect(operatorByCode(operator.code)).toBe(operator);
    expect(operatorByName(operator.name)).toBe(operator);
  }
  expect(() => operatorByCode(OUTPUTS_CODE)).toThrow(RangeError);
  expect(() => operatorByName('Softmax')).toThrow('no operator named Softmax');
});
