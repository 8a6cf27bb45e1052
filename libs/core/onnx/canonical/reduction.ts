import { reduceMaxAttributes } from '#core/numerics';
import type { GraphBuilder, Value } from '../graph.js';
import { arithmetic, withoutNaNAndNegativeZero } from './arithmetic.js';
import { matMul } from './matmul.js';
import { reshape, slice } from './movement.js';
import { filled } from './tensors.js';

/** Largest element along the last axis, which stays with size 1. */
export function reduceMax(graph: GraphBuilder, source: Value): Value {
  const x = withoutNaNAndNegativeZero(graph, source);
  const axis = x.dims.length - 1;
  const onnx = { opType: 'ReduceMax', attributes: [{ name: 'axes', value: [axis] }, { name: 'keepdims', value: 1 }], shapeInputs: [] };
  const output = { dtype: x.dtype, dims: [...x.dims.slice(0, -1), 1] };
  return graph.add({ operator: 'ReduceMax', operands: [x], attributes: reduceMaxAttributes({ axis }), output, onnx }, x.facts);
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
