import { DTYPES, elementWord, type Tensor } from '#core/hashing';
import { cumSumAttributes, gatherAttributes, padAttributes, type CumSumAttributes, type PadMode } from '#core/numerics';
import { NO_FACTS, type Facts, type GraphBuilder, type Value } from '../graph.js';
import { arithmetic } from './arithmetic.js';
import { broadcastDims } from './broadcast.js';
import { rangeOf, type IntegerRange } from './range.js';
import { int64List } from './tensors.js';

/** Elements of `data` along an axis by the indices' values; the indices' axes take its place. */
export function gather(graph: GraphBuilder, data: Value, { indices, axis }: { indices: Value; axis: number }): Value {
  const inside = within(graph, indices, data.dims[axis]!);
  const dims = [...data.dims.slice(0, axis), ...indices.dims, ...data.dims.slice(axis + 1)];
  const onnx = { opType: 'Gather', attributes: [{ name: 'axis', value: axis }], shapeInputs: [] };
  return graph.add({ operator: 'Gather', operands: [data, inside], attributes: gatherAttributes({ axis }), output: { dtype: data.dtype, dims }, onnx }, data.facts);
}

/** As gather, each element of the output with an index of its own. */
export function gatherElements(graph: GraphBuilder, data: Value, { indices, axis }: { indices: Value; axis: number }): Value {
  const inside = within(graph, indices, data.dims[axis]!);
  const onnx = { opType: 'GatherElements', attributes: [{ name: 'axis', value: axis }], shapeInputs: [] };
  const output = { dtype: data.dtype, dims: indices.dims };
  return graph.add({ operator: 'GatherElements', operands: [data, inside], attributes: gatherAttributes({ axis }), output, onnx }, data.facts);
}

/** Elements along one axis at constant places. */
export function gatherAt(graph: GraphBuilder, data: Value, { places, axis }: { places: readonly number[]; axis: number }): Value {
  const indices = graph.sharedConstant(`places ${places.join(' ')}`, () => int64List(places));
  return gather(graph, data, { indices, axis });
}

/**
 * The indices, none of them outside [−size, size). ONNX Runtime refuses to run on one that is, and the job could not be
 * answered; so one that depends on the model's inputs is brought to the nearest end.
 */
function within(graph: GraphBuilder, indices: Value, size: number): Value {
  const range = [-BigInt(size), BigInt(size) - 1n] as const;
  if (indices.kind === 'constant' && !isInside(indices, range)) throw new RangeError(`an index is outside −${size} to ${size - 1}`);
  return clamped(graph, indices, range);
}

/** Integers brought into a range; the value itself where it is known to lie inside. */
export function clamped(graph: GraphBuilder, x: Value, [least, most]: IntegerRange): Value {
  const { dtype } = x;
  if (dtype !== 'int64' && dtype !== 'int32') throw new RangeError(`indices are ${dtype}, int32 or int64 is expected`);
  if (isInside(x, [least, most])) return x;
  const bound = (value: bigint): Value => graph.sharedConstant(`${dtype} ${value}`, () => integerScalar(dtype, value));
  return arithmetic(graph, 'Min', [arithmetic(graph, 'Max', [x, bound(least)]), bound(most)]);
}

function isInside(x: Value, [least, most]: IntegerRange): boolean {
  const known = rangeOf(x);
  return known !== undefined && known[0] >= least && known[1] <= most;
}

function integerScalar(dtype: 'int32' | 'int64', value: bigint): Tensor {
  const data = dtype === 'int64' ? BigInt64Array.of(value) : Int32Array.of(Number(value));
  return { dtype, dims: [], data: new Uint8Array(data.buffer) };
}

/** Numpy-style broadcasting to a shape; x itself where it has it. */
export function expand(graph: GraphBuilder, x: Value, dims: readonly number[]): Value {
  const full = broadcastDims(x.dims, dims);
  if (full.length === x.dims.length && full.every((size, axis) => size === x.dims[axis])) return x;
  const onnx = { opType: 'Expand', attributes: [], shapeInputs: [int64List(full)] };
  return graph.add({ operator: 'Expand', operands: [x], attributes: [], output: { dtype: x.dtype, dims: full }, onnx }, x.facts);
}

/** x repeated along each axis; x itself where nothing is. */
export function tile(graph: GraphBuilder, x: Value, repeats: readonly number[]): Value {
  if (repeats.every((count) => count === 1)) return x;
  const onnx = { opType: 'Tile', attributes: [], shapeInputs: [int64List(repeats)] };
  const output = { dtype: x.dtype, dims: x.dims.map((size, axis) => size * repeats[axis]!) };
  return graph.add({ operator: 'Tile', operands: [x], attributes: [], output, onnx }, x.facts);
}

export interface Padding {
  readonly begins: readonly number[];
  readonly ends: readonly number[];
  readonly mode: PadMode;
  /** A scalar of x's type; zero if left out. */
  readonly constant?: Value & { readonly kind: 'constant' };
}

/** x with elements around it; x itself where there are none. */
export function pad(graph: GraphBuilder, x: Value, { begins, ends, mode, constant }: Padding): Value {
  if ([...begins, ...ends].every((count) => count === 0)) return x;
  const zero = { dtype: x.dtype, dims: [], data: new Uint8Array(DTYPES[x.dtype].size) };
  const filling = mode === 'constant' ? (constant ?? graph.constant(zero)) : undefined;
  const shapeInputs = [int64List([...begins, ...ends]), ...(filling ? [filling.tensor] : [])];
  const onnx = { opType: 'Pad', attributes: [{ name: 'mode', value: mode }], shapeInputs };
  const attributes = padAttributes({ begins, mode, word: filling ? elementWord(filling.tensor, 0) : 0n });
  const output = { dtype: x.dtype, dims: x.dims.map((size, axis) => begins[axis]! + size + ends[axis]!) };
  return graph.add({ operator: 'Pad', operands: [x], attributes, output, onnx }, filling ? common(x.facts, filling.facts) : x.facts);
}

function common(a: Facts, b: Facts): Facts {
  const both = (fact: keyof Facts): boolean => a[fact] && b[fact];
  return { ...NO_FACTS, nonNegative: both('nonNegative'), neverNegativeZero: both('neverNegativeZero'), neverNaN: both('neverNaN'), neverMinusInfinity: both('neverMinusInfinity') };
}

/** Every element repeated a whole number of times along each axis. ONNX Runtime knows it for these types. */
export function enlarge(graph: GraphBuilder, x: Value, factors: readonly number[]): Value {
  const scales = { dtype: 'float32' as const, dims: [factors.length], data: new Uint8Array(Float32Array.from(factors).buffer) };
  const roi = { dtype: 'float32' as const, dims: [0], data: new Uint8Array() };
  const onnx = {
    opType: 'Resize',
    attributes: [
      { name: 'coordinate_transformation_mode', value: 'asymmetric' },
      { name: 'mode', value: 'nearest' },
      { name: 'nearest_mode', value: 'floor' },
    ],
    shapeInputs: [roi, scales],
  };
  const output = { dtype: x.dtype, dims: x.dims.map((size, axis) => size * factors[axis]!) };
  return graph.add({ operator: 'Resize', operands: [x], attributes: [], output, onnx }, x.facts);
}

/** Running sums along one axis. */
export function cumSum(graph: GraphBuilder, x: Value, options: CumSumAttributes): Value {
  const attributes = [
    { name: 'exclusive', value: options.exclusive ? 1 : 0 },
    { name: 'reverse', value: options.reverse ? 1 : 0 },
  ];
  const onnx = { opType: 'CumSum', attributes, shapeInputs: [int64List([options.axis])] };
  return graph.add({ operator: 'CumSum', operands: [x], attributes: cumSumAttributes(options), output: { dtype: x.dtype, dims: x.dims }, onnx });
}
