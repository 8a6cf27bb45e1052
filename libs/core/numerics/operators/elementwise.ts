import { checkForm, expect } from '../checks.js';
import type { Descriptor } from '../descriptor.js';
import { F32_ZERO, f32Abs, f32Add, f32Div, f32Lt, f32Max, f32Min, f32Mul, f32Neg, f32Sqrt, f32Sub } from '../float32.js';
import type { Operator } from '../operator.js';
import { broadcastIndex, broadcastsTo, sameDims } from '../shapes.js';
import { exponential } from './exponential.js';

/** One micro-step that reads one element of the same index. */
function unary(name: string, code: number, compute: (x: number) => number): Operator {
  return {
    name,
    code,
    check(d) {
      checkForm(d, { operands: 1, attributes: 0, dtype: 'float32' });
      expect(sameDims(d.operands[0]!.dims, d.output.dims), 'output and operand differ in shape');
    },
    steps: () => 1,
    operands: (_, { element }) => [{ slot: 0, element }],
    apply: (_d, _at, _state, [x]) => BigInt(compute(Number(x))),
  };
}

/** One micro-step that reads one element of each operand, numpy-style broadcasting between them. */
function binary(name: string, code: number, compute: (a: number, b: number) => number): Operator {
  return {
    name,
    code,
    check: checkBinary,
    steps: () => 1,
    operands: (d, { element }) => d.operands.map(({ dims }, slot) => ({ slot, element: broadcastIndex(element, d.output.dims, dims) })),
    apply: (_d, _at, _state, [a, b]) => BigInt(compute(Number(a), Number(b))),
  };
}

function checkBinary(d: Descriptor): void {
  checkForm(d, { operands: 2, attributes: 0, dtype: 'float32' });
  const [a, b] = [d.operands[0]!.dims, d.operands[1]!.dims];
  const rank = Math.max(a.length, b.length);
  expect(d.output.dims.length === rank && broadcastsTo(a, d.output.dims) && broadcastsTo(b, d.output.dims), 'operands do not broadcast to the output');
  const largest = (axis: number): number => {
    const [x, y] = [a.at(axis - rank) ?? 1, b.at(axis - rank) ?? 1];
    return x === 1 ? y : x;
  };
  expect(d.output.dims.every((size, axis) => size === largest(axis)), 'the output is larger than its operands make it');
}

export const add = binary('Add', 1, f32Add);
export const sub = binary('Sub', 2, f32Sub);
export const mul = binary('Mul', 3, f32Mul);
export const div = binary('Div', 4, f32Div);
/**
 * The larger of two; +0 is above −0, any NaN gives NaN.
 * ONNX Runtime (1.30.0, AVX-512) agrees on NaN; on a pair of unequal zeros it answers by lane, so the compiler must keep
 * −0 away from one side at least where the other can be +0.
 */
export const max = binary('Max', 5, f32Max);
/** The smaller of two; as Max. */
export const min = binary('Min', 6, f32Min);

export const neg = unary('Neg', 16, f32Neg);
export const abs = unary('Abs', 17, f32Abs);
export const sqrt = unary('Sqrt', 18, f32Sqrt);
export const exp = unary('Exp', 19, exponential);
/**
 * x where x > 0, else +0: also for NaN and −0. ONNX's ThresholdedRelu with alpha 0 is exactly this on every CPU.
 * ONNX's own Relu is not: measured with ONNX Runtime 1.30.0 it keeps NaN, and −0 on x86 but not on ARM.
 */
export const relu = unary('Relu', 20, (x) => (f32Lt(F32_ZERO, x) ? x : F32_ZERO));
