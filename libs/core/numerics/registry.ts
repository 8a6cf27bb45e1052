import type { Operator } from './operator.js';
import { batchMatMul } from './operators/batch-matmul.js';
import { conv } from './operators/conv.js';
import { convTranspose } from './operators/conv-transpose.js';
import { cumSum } from './operators/cumulative.js';
import { expand, pad, resize, tile } from './operators/extension.js';
import { gather, gatherElements } from './operators/indexing.js';
import { gemm } from './operators/gemm.js';
import { cast } from './operators/cast.js';
import { abs, add, ceil, div, erf, exp, floor, max, min, mod, mul, neg, pRelu, rectify, relu, round, sigmoid, sqrt, sub, tanh } from './operators/elementwise.js';
import { argMax, argMin, reduceMax, reduceMin } from './operators/extremes.js';
import { and, equal, less, lessOrEqual, not, or, where, xor } from './operators/logic.js';
import { convInteger, matMulInteger, qLinearConv, qLinearMatMul } from './operators/integer-products.js';
import { matMul } from './operators/matmul.js';
import { concat, reshape, slice, transpose } from './operators/movement.js';
import { averagePool, maxPool } from './operators/pooling.js';
import { dequantizeLinear, quantizeLinear } from './operators/quantize.js';

/** Code of the outputs entry, the last of every graph; it is no operator. */
export const OUTPUTS_CODE = 0;

/**
 * Every operator of the canonical set. INVARIANT: codes are frozen; contracts/src/operators/Registry.sol holds the same.
 * To add one: its file in operators/, one line here, and the same two in Solidity.
 */
export const OPERATORS: readonly Operator[] = [
  ...[add, sub, mul, div, max, min],
  ...[less, lessOrEqual, equal, and, or, xor, not, where],
  ...[pRelu, mod, cast],
  ...[neg, abs, sqrt, exp, relu, rectify],
  ...[tanh, sigmoid, erf, floor, ceil, round],
  ...[quantizeLinear, dequantizeLinear],
  ...[conv, matMul],
  ...[batchMatMul, gemm, convTranspose],
  ...[matMulInteger, convInteger, qLinearMatMul, qLinearConv],
  ...[maxPool, averagePool],
  ...[reduceMax, reduceMin, argMax, argMin],
  ...[reshape, transpose, concat, slice],
  ...[gather, gatherElements, expand, tile, pad, resize, cumSum],
];

const byName = new Map(OPERATORS.map((operator) => [operator.name, operator]));
const byCode = new Map(OPERATORS.map((operator) => [operator.code, operator]));

/** Throws RangeError if there is no operator of that name. */
export function operatorByName(name: string): Operator {
  const operator = byName.get(name);
  if (!operator) throw new RangeError(`no operator named ${name}`);
  return operator;
}

/** Throws RangeError if no operator has the code; the outputs entry is none. */
export function operatorByCode(code: number): Operator {
  const operator = byCode.get(code);
  if (!operator) throw new RangeError(`no operator with code ${code}`);
  return operator;
}
