import { convAttributes } from '#core/numerics';
import { isFiniteConstant, NO_FACTS, type GraphBuilder, type Value } from '../graph.js';
import { arithmetic, withoutNegativeZero } from './arithmetic.js';
import { blockSize, FEW_CHANNELS, POINTWISE_BLOCK } from './blocks.js';
import { isConstantWhere } from './constants.js';
import { reshape, slice } from './movement.js';
import { pad } from './indexing.js';
import { gemm, stacked } from './product.js';
import { filled } from './tensors.js';
import { spatial, windowDims, type Window } from './window.js';

export interface ConvParts extends Window {
  readonly x: Value;
  /** Filters × channels per group × kernel height × kernel width. */
  readonly weights: Value;
  readonly bias?: Value;
  readonly groups: number;
}

/**
 * Two-dimensional convolution. ONNX Runtime computes it as im2col and matrix product, or by kernels for depthwise windows,
 * for 1×1 windows and for few channels, each with an order of its own that is the same on every machine
 * (docs/research/execution-form.md). With one filter per group otherwise, and at a single output position, it has kernels
 * that differ between machines; those two are brought into a form that stays clear of them.
 */
export function conv(graph: GraphBuilder, parts: ConvParts): Value {
  const [height, width] = windowDims(spatial(parts.x.dims), parts);
  if (height * width === 1) return atOnePosition(graph, parts);
  if (parts.weights.dims[0] === parts.groups && !isDepthwise(parts)) return withOneFilter(graph, parts);
  return blocked(graph, parts);
}

/** One filter and one channel per group, and weights for which the kernel that leaves padding out gives what multiplying it does. */
function isDepthwise({ weights, groups }: ConvParts): boolean {
  const [filters, channels] = weights.dims;
  return channels === 1 && groups > 1 && filters === groups && groups % 4 === 0 && isFiniteConstant(weights);
}

/** A sum with a bias that is not −0 is never −0 itself: then it does not matter to signs of zeros what a kernel adds in the padding. */
function blocked(graph: GraphBuilder, parts: ConvParts): Value {
  const { x, weights, kernel, strides, pads, dilations, groups } = parts;
  const [outHeight, outWidth] = windowDims(spatial(x.dims), parts);
  const filters = weights.dims[0]!;
  const bias = parts.bias ? withoutNegativeZero(graph, parts.bias) : graph.sharedConstant(`no bias ${filters}`, () => filled([filters], 0));
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
  const attributes = convAttributes({ strides, pads, dilations, groups, block: blockOf(parts, outHeight * outWidth) });
  const output = { dtype: x.dtype, dims: [x.dims[0]!, filters, outHeight, outWidth] };
  return graph.add({ operator: 'Conv', operands: [x, weights, bias], attributes, output, onnx }, { ...NO_FACTS, neverNegativeZero: true });
}

/** A convolution whose bias is zero, with this constant per channel for bias; undefined if the two are something else. */
export function biased(graph: GraphBuilder, sum: Value, addend: Value): Value | undefined {
  if (sum.kind !== 'node' || sum.node.operator !== 'Conv' || addend.kind !== 'constant') return undefined;
  const [x, weights, none] = sum.node.operands as [Value, Value, Value];
  const perChannel = [1, sum.dims[1], 1, 1].slice(4 - addend.dims.length);
  if (addend.dims.length < 3 || addend.dims.length > 4 || addend.dims.some((size, axis) => size !== perChannel[axis])) return undefined;
  if (!isConstantWhere(none, (value) => Object.is(value, 0))) return undefined;
  const bias = withoutNegativeZero(graph, reshape(graph, addend, [sum.dims[1]!]));
  return graph.add({ ...sum.node, operands: [x, weights, bias] }, sum.facts);
}

/** Products per block by the kernel that is fastest where the machine has it; the others can be made to follow. */
function blockOf(parts: ConvParts, positions: number): number {
  const { weights, kernel, pads, groups, bias } = parts;
  const [filters, channels] = weights.dims as [number, number];
  const taps = kernel[0] * kernel[1];
  if (isDepthwise(parts)) return taps;
  const fast = groups === 1 && filters % 4 === 0 && isFiniteConstant(weights) && (!bias || bias.kind === 'constant');
  if (fast && taps === 1 && channels % 16 === 0 && pads.every((pad) => pad === 0)) return POINTWISE_BLOCK;
  return fast && channels < FEW_CHANNELS && taps > 1 && taps <= 128 && filters >= 8 ? taps : blockSize(positions, channels * taps);
}

/** One filter per group: each gets a second filter of zeros, whose channel is cut off again. */
function withOneFilter(graph: GraphBuilder, parts: ConvParts): Value {
  const { weights, groups, bias } = parts;
  const result = blocked(graph, { ...parts, weights: doubled(graph, weights), ...(bias && { bias: doubled(graph, bias) }) });
  return slice(graph, result, { starts: [0, 0, 0, 0], sizes: result.dims.with(1, groups), steps: [1, 2, 1, 1] });
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
