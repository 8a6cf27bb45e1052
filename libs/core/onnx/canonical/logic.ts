import { DTYPES, type Dtype } from '#core/hashing';
import { ALL_FACTS, NO_FACTS, type Facts, type GraphBuilder, type Value } from '../graph.js';
import { arithmetic, withoutNaNAndNegativeZero } from './arithmetic.js';
import { broadcastDims } from './broadcast.js';
import { isConstantWhere, scalar } from './constants.js';

export type Predicate = 'Less' | 'LessOrEqual' | 'Equal' | 'And' | 'Or' | 'Xor';

/** A comparison of numbers, or logic on bools, element by element. */
export function predicate(graph: GraphBuilder, operator: Predicate, [a, b]: readonly [Value, Value]): Value {
  const onnx = { opType: operator, attributes: [], shapeInputs: [] };
  return graph.add({ operator, operands: [a, b], attributes: [], output: { dtype: 'bool', dims: broadcastDims(a.dims, b.dims) }, onnx });
}

export function not(graph: GraphBuilder, x: Value): Value {
  const onnx = { opType: 'Not', attributes: [], shapeInputs: [] };
  return graph.add({ operator: 'Not', operands: [x], attributes: [], output: { dtype: 'bool', dims: x.dims }, onnx });
}

export interface Branches {
  readonly condition: Value;
  readonly then: Value;
  readonly otherwise: Value;
}

/** `then` where the condition holds, else `otherwise`. ONNX Runtime loses the sign of −0 in some shapes, so +0 is added where one could be. */
export function where(graph: GraphBuilder, { condition, ...branches }: Branches): Value {
  const [x, y] = [branches.then, branches.otherwise].map((value) => withoutNegativeZero(graph, value)) as [Value, Value];
  const dims = broadcastDims(broadcastDims(condition.dims, x.dims), y.dims);
  const both = (fact: keyof Facts): boolean => x.facts[fact] && y.facts[fact];
  const facts = { nonNegative: both('nonNegative'), neverNegativeZero: both('neverNegativeZero'), neverNaN: both('neverNaN'), neverMinusInfinity: both('neverMinusInfinity') };
  const onnx = { opType: 'Where', attributes: [], shapeInputs: [] };
  return graph.add({ operator: 'Where', operands: [condition, x, y], attributes: [], output: { dtype: x.dtype, dims }, onnx }, facts);
}

function withoutNegativeZero(graph: GraphBuilder, x: Value): Value {
  if (x.dtype !== 'float32' || x.facts.neverNegativeZero) return x;
  return arithmetic(graph, 'Add', [x, scalar(graph, 0)]);
}

/** Smallest and largest float32 that is cut to an integer of the type. */
const RANGES: Partial<Record<Dtype, readonly [number, number]>> = {
  uint8: [0, 255],
  int8: [-128, 127],
  int32: [-(2 ** 31), 2 ** 31 - 2 ** 7],
  int64: [-(2 ** 63), 2 ** 63 - 2 ** 39],
};

/** To another element type. Floats are first brought into the integer type's range, NaN to 0: machines differ on others. */
export function cast(graph: GraphBuilder, source: Value, dtype: Dtype): Value {
  if (source.dtype === dtype) return source;
  const range = source.dtype === 'float32' ? RANGES[dtype] : undefined;
  const x = range ? within(graph, source, range) : source;
  const onnx = { opType: 'Cast', attributes: [{ name: 'to', value: DTYPES[dtype].code }], shapeInputs: [] };
  const facts = dtype === 'float32' ? { ...ALL_FACTS, nonNegative: source.dtype === 'uint8' || source.dtype === 'bool' } : NO_FACTS;
  return graph.add({ operator: 'Cast', operands: [x], attributes: [], output: { dtype, dims: x.dims }, onnx }, facts);
}

function within(graph: GraphBuilder, x: Value, [least, most]: readonly [number, number]): Value {
  if (isWithin(x, [least, most])) return x;
  const above = arithmetic(graph, 'Max', [withoutNaNAndNegativeZero(graph, x), scalar(graph, least)]);
  return arithmetic(graph, 'Min', [above, scalar(graph, most)]);
}

/** Recognises the smaller of a constant and the larger of a constant and what is no NaN. */
function isWithin(x: Value, [least, most]: readonly [number, number]): boolean {
  if (x.kind !== 'node' || x.node.operator !== 'Min' || !isConstantWhere(x.node.operands[1], (value) => value <= most && value >= least)) return false;
  const above = x.node.operands[0];
  return above?.kind === 'node' && above.node.operator === 'Max' && above.facts.neverNaN && isConstantWhere(above.node.operands[1], (value) => value >= least);
}
