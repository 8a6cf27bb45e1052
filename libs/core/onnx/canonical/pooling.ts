import { averagePoolAttributes, maxPoolAttributes } from '#core/numerics';
import type { GraphBuilder, Value } from '../graph.js';
import { arithmetic, rectify, relu, withoutMinusInfinity, withoutNaNAndNegativeZero } from './arithmetic.js';
import { spatial, windowDims, type Window } from './window.js';

/** Largest element of each window; padding never wins. */
export function maxPool(graph: GraphBuilder, source: Value, window: Window): Value {
  return pooledBefore(graph, source, window) ?? pooled(graph, source, window);
}

/**
 * A Relu of the largest is the largest Relu, and so with a number per channel added: both rise with their operand, rounded too.
 * Done afterwards they have fewer elements to do.
 */
function pooledBefore(graph: GraphBuilder, source: Value, window: Window): Value | undefined {
  if (source.kind !== 'node') return undefined;
  const [x, addend] = source.node.operands as [Value, Value?];
  if (!(x.largest < Infinity) || !x.facts.neverNegativeZero || x.dims.join() !== source.dims.join()) return undefined;
  if (source.node.operator === 'Relu') return relu(graph, maxPool(graph, x, window));
  if (source.node.operator === 'Rectify') return rectify(graph, maxPool(graph, x, window));
  const perChannel = source.node.operator === 'Add' && addend?.kind === 'constant' && spatial(withRank(addend.dims, x.dims.length)).every((size) => size === 1);
  return perChannel ? arithmetic(graph, 'Add', [maxPool(graph, x, window), addend]) : undefined;
}

const withRank = (dims: readonly number[], rank: number): number[] => [...Array<number>(rank - dims.length).fill(1), ...dims];

function pooled(graph: GraphBuilder, source: Value, window: Window): Value {
  const x = withoutMinusInfinity(graph, withoutNaNAndNegativeZero(graph, source));
  const { kernel, strides, pads, dilations } = window;
  refuseEmptyWindows(window);
  const onnx = {
    opType: 'MaxPool',
    attributes: [
      { name: 'dilations', value: dilations },
      { name: 'kernel_shape', value: kernel },
      { name: 'pads', value: pads },
      { name: 'strides', value: strides },
    ],
    shapeInputs: [],
  };
  const output = { dtype: x.dtype, dims: [...x.dims.slice(0, 2), ...windowDims(spatial(x.dims), window)] };
  return graph.add({ operator: 'MaxPool', operands: [x], attributes: maxPoolAttributes({ kernel, strides, pads, dilations }), output, onnx }, x.facts);
}

/** Mean of each window: the sum in row-major order, divided by the number of elements counted. */
export function averagePool(graph: GraphBuilder, x: Value, { countPadding, ...window }: Window & { countPadding: boolean }): Value {
  const { kernel, strides, pads } = window;
  refuseEmptyWindows(window);
  const onnx = {
    opType: 'AveragePool',
    attributes: [
      { name: 'count_include_pad', value: countPadding ? 1 : 0 },
      { name: 'kernel_shape', value: kernel },
      { name: 'pads', value: pads },
      { name: 'strides', value: strides },
    ],
    shapeInputs: [],
  };
  const output = { dtype: x.dtype, dims: [...x.dims.slice(0, 2), ...windowDims(spatial(x.dims), window)] };
  const { nonNegative } = x.facts;
  const facts = { nonNegative, neverNegativeZero: nonNegative, neverNaN: nonNegative && x.facts.neverNaN, neverMinusInfinity: nonNegative };
  return graph.add({ operator: 'AveragePool', operands: [x], attributes: averagePoolAttributes({ kernel, strides, pads, countPadding }), output, onnx }, facts);
}

function refuseEmptyWindows({ kernel, pads }: Window): void {
  if (pads.some((pad, i) => pad >= kernel[i % 2]!)) throw new RangeError('padding is as large as the window');
}
