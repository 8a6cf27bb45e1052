import { argMaxAttributes, reduceMaxAttributes } from '#core/numerics';
import type { GraphBuilder, Value } from '../graph.js';
import { arithmetic, withoutNaNAndNegativeZero } from './arithmetic.js';
import { matMul } from './matmul.js';
import { reshape, slice } from './movement.js';
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
 * Sum along the last axis of a matrix, which stays with size 1: a product with a constant matrix of ones. ONNX Runtime's
 * own sums add in as many lanes as the machine has. Two columns, so that no matrix-vector kernel can be meant.
 */
export function sumRows(graph: GraphBuilder, x: Value): Value {
  const [rows, columns] = x.dims as [number, number];
  const ones = graph.sharedConstant(`ones ${columns}`, () => filled([columns, 2], 1));
  return slice(graph, matMul(graph, x, ones), { starts: [0, 0], sizes: [rows, 1], steps: [1, 1] });
}

/** Mean over all spatial positions of an N×C×… tensor, each spatial axis kept with size 1. */
export function globalMean(graph: GraphBuilder, x: Value): Value {
  const [images, channels, ...sizes] = x.dims as [number, number, ...number[]];
  const positions = sizes.reduce((a, b) => a * b, 1);
  const sum = sumRows(graph, reshape(graph, x, [images * channels, positions]));
  const count = graph.sharedConstant(`count ${positions}`, () => filled([], positions));
  return reshape(graph, arithmetic(graph, 'Div', [sum, count]), [images, channels, ...sizes.map(() => 1)]);
}
