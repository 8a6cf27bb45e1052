import { convAttributes } from '#core/numerics';
import { NO_FACTS, type GraphBuilder, type Value } from '../graph.js';
import { arithmetic } from './arithmetic.js';
import { blockSize } from './blocks.js';
import { concat, reshape, slice } from './movement.js';
import { pad } from './indexing.js';
import { gemm, stacked } from './product.js';
import { spatial, windowDims, type Window } from './window.js';

export interface ConvParts extends Window {
  readonly x: Value;
  /** Filters × channels per group × kernel height × kernel width. */
  readonly weights: Value;
  readonly bias?: Value;
  readonly groups: number;
}

/**
 * Two-dimensional convolution. ONNX Runtime computes it as im2col and matrix product, except with one filter per group and
 * at a single output position, where it has kernels that round in another order and differ between machines; those two are
 * brought into a form that stays clear of them.
 */
export function conv(graph: GraphBuilder, parts: ConvParts): Value {
  const [height, width] = windowDims(spatial(parts.x.dims), parts);
  if (height * width === 1) return atOnePosition(graph, parts);
  if (parts.weights.dims[0] === parts.groups) return withOneFilter(graph, parts);
  return blocked(graph, parts);
}

/** As im2col and matrix product with the block size that MLAS takes. */
function blocked(graph: GraphBuilder, parts: ConvParts): Value {
  const { x, weights, bias, kernel, strides, pads, dilations, groups } = parts;
  const [outHeight, outWidth] = windowDims(spatial(x.dims), parts);
  const [filters, channels] = [weights.dims[0]!, weights.dims[1]!];
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

/** How many groups may become one: for each, every product of the others is one with zero. */
const MERGED = [2, 3] as const;

/**
 * One filter per group (depthwise, and single-channel outputs): two or three groups become one whose filters have zeros
 * for each other's channels; where the number of groups does not divide, each group gets a second filter of zeros, whose
 * channel is cut off again.
 */
function withOneFilter(graph: GraphBuilder, parts: ConvParts): Value {
  const { weights, groups, bias } = parts;
  const count = MERGED.find((divisor) => groups % divisor === 0);
  if (count) return blocked(graph, { ...parts, weights: merged(graph, weights, count), groups: groups / count });
  const result = blocked(graph, { ...parts, weights: doubled(graph, weights), ...(bias && { bias: doubled(graph, bias) }) });
  return slice(graph, result, { starts: [0, 0, 0, 0], sizes: result.dims.with(1, groups), steps: [1, 2, 1, 1] });
}

/** Filters of `count` groups after each other, each with its own channels at its own place. */
function merged(graph: GraphBuilder, weights: Value, count: number): Value {
  const [filters, channels, height, width] = weights.dims as [number, number, number, number];
  const grouped = reshape(graph, weights, [filters / count, count, channels, height * width]);
  const own = Array.from({ length: count }, (_, i) => {
    const one = slice(graph, grouped, { starts: [0, i, 0, 0], sizes: grouped.dims.with(1, 1), steps: [1, 1, 1, 1] });
    return pad(graph, one, { begins: [0, 0, i * channels, 0], ends: [0, 0, (count - 1 - i) * channels, 0], mode: 'constant' });
  });
  return reshape(graph, concat(graph, own, 1), [filters, count * channels, height, width]);
}

/** After each entry of the first axis one of zeros. */
function doubled(graph: GraphBuilder, x: Value): Value {
  const [first, ...rest] = x.dims as [number, ...number[]];
  const apart = reshape(graph, x, [first, 1, ...rest]);
  const none = apart.dims.map(() => 0);
  return reshape(graph, pad(graph, apart, { begins: none, ends: none.with(1, 1), mode: 'constant' }), [2 * first, ...rest]);
}

/** The single output position as product of matrices: what the window covers of the input, times the filters. */
function atOnePosition(graph: GraphBuilder, parts: ConvParts): Value {
  const { bias, groups } = parts;
  const { x, weights } = covered(graph, parts);
  const [images, filters] = [x.dims[0]!, weights.dims[0]!];
  const inner = weights.dims.slice(1).reduce((a, b) => a * b);
  if (groups === 1) {
    const whole = gemm(graph, { a: reshape(graph, x, [images, inner]), b: reshape(graph, weights, [filters, inner]), transA: false, transB: true, alpha: 1, beta: 1, ...(bias && { c: bias }) });
    return reshape(graph, whole, [images, filters, 1, 1]);
  }
  const stacks = { a: reshape(graph, x, [images, groups, 1, inner]), b: reshape(graph, weights, [groups, filters / groups, inner]), transA: false, transB: true };
  const sums = reshape(graph, stacked(graph, stacks), [images, filters, 1, 1]);
  return bias ? arithmetic(graph, 'Add', [sums, reshape(graph, bias, [filters, 1, 1])]) : sums;
}

/** Input and weights without what lies in the padding and what the window leaves out. */
function covered(graph: GraphBuilder, { x, weights, kernel, pads, dilations }: ConvParts): { x: Value; weights: Value } {
  const axes = [0, 1].map((axis) => {
    const [size, tap, dilation, before] = [x.dims[2 + axis]!, kernel[axis]!, dilations[axis]!, pads[axis]!];
    const first = Math.ceil(before / dilation);
    const count = Math.min(tap, Math.floor((size - 1 + before) / dilation) + 1) - first;
    if (count < 1) throw new RangeError('its window covers nothing but padding');
    return { first, count, start: first * dilation - before, step: dilation };
  });
  const of = (choose: (axis: (typeof axes)[number]) => number): number[] => axes.map(choose);
  return {
    x: slice(graph, x, { starts: [0, 0, ...of(({ start }) => start)], sizes: [...x.dims.slice(0, 2), ...of(({ count }) => count)], steps: [1, 1, ...of(({ count, step }) => (count > 1 ? step : 1))] }),
    weights: slice(graph, weights, { starts: [0, 0, ...of(({ first }) => first)], sizes: [...weights.dims.slice(0, 2), ...of(({ count }) => count)], steps: [1, 1, 1, 1] }),
  };
}
