import { ALL_FACTS, isPositiveConstant, NO_FACTS, type Facts, type GraphBuilder, type Value } from '../graph.js';
import { broadcastDims } from './broadcast.js';
import { integersOf, isConstantWhere } from './constants.js';
import { filled } from './tensors.js';

export type Arithmetic = 'Add' | 'Sub' | 'Mul' | 'Div' | 'Max' | 'Min' | 'PRelu' | 'Mod';

/** Element-wise arithmetic with broadcasting, on float32, int32 or int64. */
export function arithmetic(graph: GraphBuilder, operator: Arithmetic, [a, b]: readonly [Value, Value]): Value {
  if (a.dtype !== 'float32' && (operator === 'Div' || operator === 'Mod')) refuseDivisors(b);
  const output = { dtype: a.dtype, dims: broadcastDims(a.dims, b.dims) };
  const onnx = { opType: operator, attributes: [], shapeInputs: [] };
  return graph.add({ operator, operands: [a, b], attributes: [], output, onnx }, FACTS[operator](a, b));
}

/** Dividing integers by 0, or the smallest one by −1, stops the process on some machines. */
function refuseDivisors(divisor: Value): void {
  if (divisor.kind !== 'constant' || integersOf(divisor.tensor).some((value) => value === 0n || value === -1n)) {
    throw new RangeError('integers are divided by constants other than 0 and −1 only');
  }
}

const both = (a: Value, b: Value, fact: keyof Facts): boolean => a.facts[fact] && b.facts[fact];

const isFinite = ({ largest }: Value): boolean => largest < Infinity;

/** A rounded sum is −0 only if both terms are; a product or quotient also where it underflows. */
const FACTS: Record<Arithmetic, (a: Value, b: Value) => Facts> = {
  Add: (a, b) => {
    const nonNegative = both(a, b, 'nonNegative');
    if (isConstantWhere(b, (value) => Object.is(value, 0))) return { ...a.facts, neverNegativeZero: true };
    return { nonNegative, neverNegativeZero: a.facts.neverNegativeZero || b.facts.neverNegativeZero, neverNaN: both(a, b, 'neverNaN') && (nonNegative || isFinite(a) || isFinite(b)), neverMinusInfinity: nonNegative };
  },
  Sub: (a, b) => ({ ...NO_FACTS, neverNegativeZero: a.facts.neverNegativeZero, neverNaN: isGuard(a, b) }),
  Mul: (a, b) => scaled(a, b),
  Div: (a, b) => scaled(a, b),
  Max: (a, b) => ({
    nonNegative: a.facts.nonNegative || b.facts.nonNegative,
    neverNegativeZero: both(a, b, 'neverNegativeZero'),
    neverNaN: both(a, b, 'neverNaN'),
    neverMinusInfinity: a.facts.neverMinusInfinity || b.facts.neverMinusInfinity,
  }),
  Min: (a, b) => ({
    nonNegative: both(a, b, 'nonNegative'),
    neverNegativeZero: both(a, b, 'neverNegativeZero'),
    neverNaN: both(a, b, 'neverNaN'),
    neverMinusInfinity: both(a, b, 'neverMinusInfinity'),
  }),
  PRelu: () => NO_FACTS,
  Mod: () => NO_FACTS,
};

function scaled(a: Value, b: Value): Facts {
  const nonNegative = both(a, b, 'nonNegative');
  return { nonNegative, neverNegativeZero: nonNegative, neverNaN: isPositiveConstant(b) && a.facts.neverNaN, neverMinusInfinity: nonNegative };
}

/**
 * A value equal to x, with +0 for −0 and for NaN: relu(x) − relu(0 − x); x itself or x + 0 where the facts allow.
 * MaxPool and ReduceMax give lane-dependent results on −0 and NaN without it.
 */
export function withoutNaNAndNegativeZero(graph: GraphBuilder, x: Value): Value {
  if (x.dtype !== 'float32') return x;
  if (x.facts.neverNaN) return withoutNegativeZero(graph, x);
  if (x.facts.nonNegative) return relu(graph, rectified(x) ?? x);
  const positive = relu(graph, x);
  const negative = relu(graph, arithmetic(graph, 'Sub', [graph.sharedConstant('zero', () => filled([], 0)), x]));
  return arithmetic(graph, 'Sub', [positive, negative]);
}

/** What a Rectify makes its value of. */
function rectified(x: Value): Value | undefined {
  return x.kind === 'node' && x.node.operator === 'Rectify' ? x.node.operands[0] : undefined;
}

/** A value equal to x, with +0 for −0. */
export function withoutNegativeZero(graph: GraphBuilder, x: Value): Value {
  return x.facts.neverNegativeZero ? x : arithmetic(graph, 'Add', [x, graph.sharedConstant('zero', () => filled([], 0))]);
}

const LOWEST_FLOAT = -(2 - 2 ** -23) * 2 ** 127;

/** A value equal to x, with the lowest finite float for −Infinity. MaxPool answers by lane where a window holds nothing else. */
export function withoutMinusInfinity(graph: GraphBuilder, x: Value): Value {
  return x.facts.neverMinusInfinity ? x : arithmetic(graph, 'Max', [x, graph.sharedConstant('lowest', () => filled([], LOWEST_FLOAT))]);
}

/** Recognises relu(x) − relu(0 − x): at each element one of the two is +0, so Inf − Inf cannot occur. */
function isGuard(a: Value, b: Value): boolean {
  if (a.kind !== 'node' || b.kind !== 'node' || a.node.operator !== 'Relu' || b.node.operator !== 'Relu') return false;
  const [x, negated] = [a.node.operands[0], b.node.operands[0]];
  if (negated?.kind !== 'node' || negated.node.operator !== 'Sub') return false;
  const [zero, same] = negated.node.operands;
  return same === x && zero?.kind === 'constant' && zero.tensor.data.every((byte) => byte === 0);
}

/** x where x > 0, else +0 (NaN and −0 too). ONNX Runtime's Relu keeps −0 on x86 and not on ARM, ThresholdedRelu keeps it nowhere. */
export function relu(graph: GraphBuilder, x: Value): Value {
  const onnx = { opType: 'ThresholdedRelu', attributes: [{ name: 'alpha', value: { float: 0 } }], shapeInputs: [] };
  return graph.add({ operator: 'Relu', operands: [x], attributes: [], output: { dtype: x.dtype, dims: x.dims }, onnx }, ALL_FACTS);
}

/** x where x > 0, +0 below, NaN where x is NaN: ONNX's Relu of what is never −0, at which machines differ. Kernels of products have it built in. */
export function rectify(graph: GraphBuilder, x: Value): Value {
  const onnx = { opType: 'Relu', attributes: [], shapeInputs: [] };
  const facts = { ...ALL_FACTS, neverNaN: x.facts.neverNaN };
  return graph.add({ operator: 'Rectify', operands: [x], attributes: [], output: { dtype: x.dtype, dims: x.dims }, onnx }, facts);
}

/** e^x as MLAS computes it. */
export function exp(graph: GraphBuilder, x: Value): Value {
  const onnx = { opType: 'Exp', attributes: [], shapeInputs: [] };
  const facts = { ...ALL_FACTS, neverNaN: x.facts.neverNaN };
  return graph.add({ operator: 'Exp', operands: [x], attributes: [], output: { dtype: x.dtype, dims: x.dims }, onnx }, facts);
}
