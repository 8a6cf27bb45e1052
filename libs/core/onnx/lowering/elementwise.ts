import { elementCount } from '#core/hashing';
import { arithmetic, exp, rectify, relu, withoutNaNAndNegativeZero, type Arithmetic } from '../canonical/arithmetic.js';
import { broadcastDims } from '../canonical/broadcast.js';
import { biased } from '../canonical/conv.js';
import { floatsOf, isConstantWhere, scalar } from '../canonical/constants.js';
import { predicate, where } from '../canonical/logic.js';
import { asScalar, dequantize } from '../canonical/quantized.js';
import { sigmoid, unary, type Unary } from '../canonical/unary.js';
import { isPositiveConstant, type GraphBuilder, type Value } from '../graph.js';
import type { Lowering, NodeView } from './node.js';

const NUMBERS: readonly string[] = ['float32', 'int32', 'int64'];

/** An input of a type that arithmetic is done in, the same for all inputs of the node. */
export function numberInput(view: NodeView, index: number): Value {
  const [value, first] = [view.input(index), view.input(0)];
  if (!NUMBERS.includes(value.dtype)) view.refuse(`input ${index} is ${value.dtype}, only ${NUMBERS.join(', ')} are supported`);
  if (value.dtype !== first.dtype) view.refuse(`its inputs are ${first.dtype} and ${value.dtype}, the same type is expected`);
  return value;
}

function numberInputs(view: NodeView): Value[] {
  return Array.from({ length: view.inputCount }, (_, i) => numberInput(view, i));
}

/** A constant per channel added to a convolution without bias is its bias. */
export const lowerAdd: Lowering = (view) => {
  const [a, b] = [numberInput(view, 0), numberInput(view, 1)];
  return [biased(view.graph, a, b) ?? biased(view.graph, b, a) ?? arithmetic(view.graph, 'Add', [a, b])];
};

export const lowerArithmetic = (operator: Arithmetic): Lowering => (view) => [arithmetic(view.graph, operator, [numberInput(view, 0), numberInput(view, 1)])];

/** int32 numbers as floats times a constant are dequantised. */
export const lowerMul: Lowering = (view) => {
  const [a, b] = [numberInput(view, 0), numberInput(view, 1)];
  return [scaledInteger(view.graph, a, b) ?? scaledInteger(view.graph, b, a) ?? arithmetic(view.graph, 'Mul', [a, b])];
};

function scaledInteger(graph: GraphBuilder, x: Value, scale: Value): Value | undefined {
  if (x.kind !== 'node' || x.node.operator !== 'Cast' || !isPositiveConstant(scale)) return undefined;
  const [source] = x.node.operands;
  if (source?.dtype !== 'int32' || elementCount(scale.dims) !== 1 || scale.dims.length > x.dims.length) return undefined;
  return dequantize(graph, source, { scale: asScalar(graph, scale), zeroPoint: undefined, axis: 0 });
}

/** The remainder with the divisor's sign, of integers. */
export const lowerMod: Lowering = (view) => {
  const x = numberInput(view, 0);
  if (x.dtype === 'float32' || view.int('fmod', 0) !== 0) view.refuse('only integers with fmod 0 are supported');
  return [arithmetic(view.graph, 'Mod', [x, numberInput(view, 1)])];
};

/** Max or Min of any number of inputs, from left to right. */
export const lowerExtreme = (operator: 'Max' | 'Min'): Lowering => (view) => {
  const [first, ...rest] = numberInputs(view);
  return [rest.reduce((best, next) => extreme(view.graph, operator, [best, next]), first ?? view.refuse('it has no inputs'))];
};

/** Where one side can be −0 and the other a zero, ONNX Runtime answers by lane, so both are cleared of it. */
export function extreme(graph: GraphBuilder, operator: 'Max' | 'Min', [a, b]: readonly [Value, Value]): Value {
  const neverZero = (x: Value): boolean => isConstantWhere(x, (element) => element !== 0);
  const harmless = (a.facts.neverNegativeZero && b.facts.neverNegativeZero) || neverZero(a) || neverZero(b);
  const clear = (x: Value): Value => (harmless ? x : withoutNaNAndNegativeZero(graph, x));
  return arithmetic(graph, operator, [clear(a), clear(b)]);
}

/** Sum of any number of inputs, from left to right. */
export const lowerSum: Lowering = (view) => {
  const [first, ...rest] = numberInputs(view);
  return [rest.reduce((sum, next) => arithmetic(view.graph, 'Add', [sum, next]), first ?? view.refuse('it has no inputs'))];
};

export const lowerMean: Lowering = (view) => {
  const [sum] = lowerSum(view);
  view.floatInput(0);
  return [arithmetic(view.graph, 'Div', [sum!, scalar(view.graph, view.inputCount)])];
};

/** NaN stays NaN only where the value is never −0: see rectify. */
export const lowerRelu: Lowering = (view) => {
  const x = view.floatInput(0);
  return [x.facts.neverNegativeZero ? rectify(view.graph, x) : relu(view.graph, x)];
};

/** x where x > alpha, else +0; with alpha 0 the canonical form of Relu. */
export const lowerThresholdedRelu: Lowering = (view) => {
  const [x, alpha] = [view.floatInput(0), view.float('alpha', 1)];
  if (alpha === 0) return [relu(view.graph, x)];
  const condition = predicate(view.graph, 'Less', [scalar(view.graph, alpha), x]);
  return [where(view.graph, { condition, then: x, otherwise: scalar(view.graph, 0) })];
};

export const lowerExp: Lowering = (view) => [exp(view.graph, view.floatInput(0))];

export const lowerUnary = (operator: Unary): Lowering => (view) => {
  const x = view.input(0);
  if (x.dtype === 'float32') return [unary(view.graph, operator, x)];
  if (operator !== 'Neg' && operator !== 'Abs') view.refuse(`input 0 is ${x.dtype}, only float32 is supported`);
  const zero = view.graph.constant({ dtype: x.dtype, dims: [], data: new Uint8Array(x.dtype === 'int64' ? 8 : 4) });
  const negated = arithmetic(view.graph, 'Sub', [zero, numberInput(view, 0)]);
  return [operator === 'Neg' ? negated : arithmetic(view.graph, 'Max', [x, negated])];
};

export const lowerSigmoid: Lowering = (view) => [sigmoid(view.graph, view.floatInput(0))];

/** A slope for what is below zero, one for all. */
export const lowerLeakyRelu: Lowering = (view) => [arithmetic(view.graph, 'PRelu', [view.floatInput(0), scalar(view.graph, Math.fround(view.float('alpha', 0.01)))])];

export const lowerPRelu: Lowering = (view) => {
  const [x, slope] = [view.floatInput(0), view.floatInput(1)];
  const dims = broadcastDims(x.dims, slope.dims);
  if (dims.length !== x.dims.length || dims.some((size, i) => size !== x.dims[i])) view.refuse(`its slope has shape [${slope.dims}], which makes its input [${x.dims}] larger`);
  return [arithmetic(view.graph, 'PRelu', [x, slope])];
};

const LARGEST_FLOAT = (2 - 2 ** -23) * 2 ** 127;

/** min(max(x, low), high) with constant bounds. A bound of 0 goes by Relu, which makes +0 of −0 and of NaN. */
export const lowerClip: Lowering = (view) => {
  const x = numberInput(view, 0);
  if (x.dtype !== 'float32') return [integerClip(view, x)];
  const [low, high] = [clipBound(view, 1, 'min') ?? -LARGEST_FLOAT, clipBound(view, 2, 'max') ?? LARGEST_FLOAT];
  if (Number.isNaN(low) || Number.isNaN(high)) view.refuse('a bound is NaN');
  return [clip(view.graph, x, { low, high })];
};

export function clip(graph: GraphBuilder, x: Value, { low, high }: { low: number; high: number }): Value {
  const raised = low === 0 ? relu(graph, x) : low <= -LARGEST_FLOAT ? x : arithmetic(graph, 'Max', [x, scalar(graph, low)]);
  if (high >= LARGEST_FLOAT) return raised;
  if (high !== 0) return arithmetic(graph, 'Min', [raised, scalar(graph, high)]);
  const zero = scalar(graph, 0);
  return arithmetic(graph, 'Sub', [zero, relu(graph, arithmetic(graph, 'Sub', [zero, raised]))]);
}

function clipBound(view: NodeView, index: number, attribute: string): number | undefined {
  const written = view.opset < 11 ? view.float(attribute, NaN) : undefined;
  if (written !== undefined) return Number.isNaN(written) ? undefined : written;
  const bound = view.optionalInput(index);
  if (!bound) return undefined;
  if (bound.kind !== 'constant' || bound.dtype !== 'float32' || bound.tensor.data.length !== 4) return view.refuse(`input ${index} must be a constant float32 scalar`);
  return floatsOf(bound.tensor)[0]!;
}

function integerClip(view: NodeView, x: Value): Value {
  const raised = view.optionalInput(1) ? arithmetic(view.graph, 'Max', [x, numberInput(view, 1)]) : x;
  return view.optionalInput(2) ? arithmetic(view.graph, 'Min', [raised, numberInput(view, 2)]) : raised;
}
