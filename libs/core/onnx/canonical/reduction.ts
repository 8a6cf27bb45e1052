import { argMaxAttributes, reduceMaxAttributes } from '#core/numerics';
import type { GraphBuilder, Value } from '../graph.js';
import { withoutNaNAndNegativeZero } from './arithmetic.js';
import { matMul } from './matmul.js';
import { reshape } from './movement.js';
import { filled } from './tensors.js';

/** Largest element along one axis, which stays with size 1. */
export function reduceMax(graph: GraphBuilder, source: Value, axis = source.dims.length - 1): Value {
  return reduceExtreme(graph, 'ReduceMax', withoutNaNAndNegativeZero(graph, source), axis);
}

/** Smallest element along one axis, which stays with size 1. */
export function reduceMin(graph: GraphBuilder, source: Value, axis: number): Value {
  return reduceExtreme(graph, 'ReduceMin', withoutNaNAndNegativeZero(graph, source), axis);
}

function reduceExtreme(graph: GraphBuilder, operator: 'ReduceMax' | 'ReduceMin', x: Value, axis: number): Value {
  const onnx = { opType: operator, attributes: [{ name: 'axes', value: [axis] }, { name: 'keepdims', value: 1 }], shapeInputs: [] };
  const output = { dtype: x.dtype, dims: x.dims.with(axis, 1) };
  return graph.add({ operator, operands: [x], attributes: reduceMaxAttributes({ axis }), output, onnx }, x.facts);
}

export interface ArgOptions {
  readonly axis: number;
  /** Of equal elements the last one instead of the first. */
  readonly last: boolean;
}

/** Where along one axis, which stays with size 1, the largest or smallest element is, as int64. */
export function position(graph: GraphBuilder, operator: 'ArgMax' | 'ArgMin', source: Value, { axis, last }: ArgOptions): Value {
  const x = withoutNaNAndNegativeZero(graph, source);
  const attributes = [
    { name: 'axis', value: axis },
    { name: 'keepdims', value: 1 },
    { name: 'select_last_index', value: last ? 1 : 0 },
  ];
  const output = { dtype: 'int64' as const, dims: x.dims.with(axis, 1) };
  return graph.add({ operator, operands: [x], attributes: argMaxAttributes({ axis, last }), output, onnx: { opType: operator, attributes, shapeInputs: [] } });
}

/**
 * Sum along the last axis of a matrix or a stack of them, which stays with size 1: a product with a constant column of ones.
 * ONNX Runtime's own sums add in as many lanes as the machine has; a product with a packed constant has no kernel of its own
 * for a single column (onnxruntime/core/mlas/lib/sgemm.cpp, MlasSgemmPackedOperation).
 */
export function sumRows(graph: GraphBuilder, x: Value): Value {
  return weightedRows(graph, x, 1);
}

/** Mean along the last axis, which stays with size 1: the sum of the elements, each times 1/n rounded to float32. */
export function meanRows(graph: GraphBuilder, x: Value): Value {
  return weightedRows(graph, x, Math.fround(1 / x.dims.at(-1)!));
}

function weightedRows(graph: GraphBuilder, x: Value, weight: number): Value {
  const columns = x.dims.at(-1)!;
  return matMul(graph, x, graph.sharedConstant(`column ${columns} of ${weight}`, () => filled([columns, 1], weight)));
}

/** Mean over all spatial positions of an N×C×… tensor, each spatial axis kept with size 1. */
export function globalMean(graph: GraphBuilder, x: Value): Value {
  const [images, channels, ...sizes] = x.dims as [number, number, ...number[]];
  const positions = sizes.reduce((a, b) => a * b, 1);
  const mean = meanRows(graph, reshape(graph, x, [images * channels, positions]));
  return reshape(graph, mean, [images, channels, ...sizes.map(() => 1)]);
}
