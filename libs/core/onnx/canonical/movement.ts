import { concatAttributes, sliceAttributes, transposeAttributes } from '#core/numerics';
import { elementCount } from '#core/hashing';
import type { Facts, GraphBuilder, Value } from '../graph.js';
import { int64List } from './tensors.js';

/** The same elements under another shape; x itself where the shape is the same. */
export function reshape(graph: GraphBuilder, x: Value, dims: readonly number[]): Value {
  return dims.length === x.dims.length && dims.every((dim, i) => dim === x.dims[i]) ? x : copy(graph, x, dims);
}

/** As reshape, but always a node of its own: an output that is an input, or another output, needs a value of its own. */
export function copy(graph: GraphBuilder, x: Value, dims: readonly number[] = x.dims): Value {
  if (elementCount(dims) !== elementCount(x.dims)) throw new RangeError(`shape [${x.dims}] cannot become [${dims}]`);
  const onnx = { opType: 'Reshape', attributes: [], shapeInputs: [int64List(dims)] };
  return graph.add({ operator: 'Reshape', operands: [x], attributes: [], output: { dtype: x.dtype, dims: [...dims] }, onnx }, x.facts);
}

export function concat(graph: GraphBuilder, parts: readonly Value[], axis: number): Value {
  const [first] = parts;
  for (const part of parts) {
    if (part.dims.length !== first!.dims.length || part.dims.some((dim, i) => i !== axis && dim !== first!.dims[i])) {
      throw new RangeError(`shapes [${first!.dims}] and [${part.dims}] cannot be joined along axis ${axis}`);
    }
  }
  const dims = first!.dims.map((dim, i) => (i === axis ? parts.reduce((sum, part) => sum + part.dims[axis]!, 0) : dim));
  const onnx = { opType: 'Concat', attributes: [{ name: 'axis', value: axis }], shapeInputs: [] };
  const all = (fact: keyof Facts): boolean => parts.every((part) => part.facts[fact]);
  const facts = { nonNegative: all('nonNegative'), neverNegativeZero: all('neverNegativeZero'), neverNaN: all('neverNaN'), neverMinusInfinity: all('neverMinusInfinity') };
  return graph.add({ operator: 'Concat', operands: parts, attributes: concatAttributes({ axis }), output: { dtype: first!.dtype, dims }, onnx }, facts);
}

/** Output axis i is input axis permutation[i]. */
export function transpose(graph: GraphBuilder, x: Value, permutation: readonly number[]): Value {
  const onnx = { opType: 'Transpose', attributes: [{ name: 'perm', value: permutation }], shapeInputs: [] };
  const output = { dtype: x.dtype, dims: permutation.map((axis) => x.dims[axis]!) };
  return graph.add({ operator: 'Transpose', operands: [x], attributes: transposeAttributes({ permutation }), output, onnx }, x.facts);
}

export interface SliceBounds {
  /** First element, per axis. */
  readonly starts: readonly number[];
  /** Elements kept, per axis. */
  readonly sizes: readonly number[];
  /** At least 1, per axis. */
  readonly steps: readonly number[];
}

/** The elements within the bounds; x itself where that is all of them. */
export function slice(graph: GraphBuilder, x: Value, { starts, sizes, steps }: SliceBounds): Value {
  if (sizes.every((size, axis) => size === x.dims[axis])) return x;
  const ends = starts.map((start, i) => start + (sizes[i]! - 1) * steps[i]! + 1);
  const axes = starts.map((_, i) => i);
  const onnx = { opType: 'Slice', attributes: [], shapeInputs: [starts, ends, axes, steps].map(int64List) };
  return graph.add({ operator: 'Slice', operands: [x], attributes: sliceAttributes({ starts, steps }), output: { dtype: x.dtype, dims: [...sizes] }, onnx }, x.facts);
}
