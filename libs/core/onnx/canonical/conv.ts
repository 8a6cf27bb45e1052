import { convAttributes } from '#core/numerics';
import { NO_FACTS, type GraphBuilder, type Value } from '../graph.js';
import { blockSize } from './blocks.js';
import { spatial, windowDims, type Window } from './window.js';

export interface ConvParts extends Window {
  readonly x: Value;
  /** Filters × channels per group × kernel height × kernel width. */
  readonly weights: Value;
  readonly bias?: Value;
  readonly groups: number;
}

/** Two-dimensional convolution, as im2col and matrix product with the block size that MLAS takes. */
export function conv(graph: GraphBuilder, parts: ConvParts): Value {
  const { x, weights, bias, kernel, strides, pads, dilations, groups } = parts;
  const [outHeight, outWidth] = windowDims(spatial(x.dims), parts);
  const [filters, channels] = [weights.dims[0]!, weights.dims[1]!];
  refuseOtherKernels({ filters, groups, positions: outHeight * outWidth });
  const block = blockSize(outHeight * outWidth, channels * kernel[0] * kernel[1]);
  const onnx = {
    opType: 'Conv',
    attributes: [
      { name: 'dilations', value: dilations },
      { name: 'group', value: groups },
      { name: 'kernel_shape', value: kernel },
      { name: 'pads', value: pads },
      { name: 'strides', value: strides },
    ],
    shapeInputs: [],
  };
  const attributes = convAttributes({ strides, pads, dilations, groups, block });
  const output = { dtype: x.dtype, dims: [x.dims[0]!, filters, outHeight, outWidth] };
  const neverNegativeZero = bias?.facts.neverNegativeZero ?? false;
  return graph.add({ operator: 'Conv', operands: bias ? [x, weights, bias] : [x, weights], attributes, output, onnx }, { ...NO_FACTS, neverNegativeZero });
}

/**
 * Shapes for which ONNX Runtime leaves the blocked matrix product for kernels that round in another order:
 * one filter per group (depthwise and matrix-vector kernels) and a single output position.
 */
function refuseOtherKernels(shape: { filters: number; groups: number; positions: number }): void {
  if (shape.filters / shape.groups < 2) throw new RangeError('a convolution with one filter per group runs in kernels whose rounding differs between machines');
  if (shape.positions < 2) throw new RangeError('a convolution with a single output position runs in kernels whose rounding differs between machines');
}
