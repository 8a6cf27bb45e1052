import { averagePoolAttributes, maxPoolAttributes } from '#core/numerics';
import type { GraphBuilder, Value } from '../graph.js';
import { withoutMinusInfinity, withoutNaNAndNegativeZero } from './arithmetic.js';
import { spatial, windowDims, type Window } from './window.js';

/** Largest element of each window; padding never wins. */
export function maxPool(graph: GraphBuilder, source: Value, window: Window): Value {
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
