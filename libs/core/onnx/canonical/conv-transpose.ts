import { convTransposeAttributes } from '#core/numerics';
import type { GraphBuilder, Value } from '../graph.js';
import { arithmetic } from './arithmetic.js';
import { blockSize } from './blocks.js';
import { pad } from './indexing.js';
import { reshape, slice } from './movement.js';

type Pair = readonly [number, number];

export interface Spread {
  readonly strides: Pair;
  readonly dilations: Pair;
  /** Cut off at the top and left. */
  readonly pads: Pair;
  /** Height and width. */
  readonly output: Pair;
}

export interface ConvTransposeParts extends Spread {
  readonly x: Value;
  /** Input channels × filters per group × kernel height × kernel width. */
  readonly weights: Value;
  readonly bias?: Value;
  readonly groups: number;
}

/** Channels whose products fit one block of the matrix product, whatever the other sizes. */
const CHANNELS = 128;

/**
 * Two-dimensional transposed convolution. ONNX Runtime computes a matrix product with the input positions as columns and
 * adds up its elements. Brought clear of its kernels for a single row or column; more channels than one block of the
 * product holds are split, as an element's state has room for one sum and one block.
 */
export function convTranspose(graph: GraphBuilder, parts: ConvTransposeParts): Value {
  const { x, weights, groups } = parts;
  const [height, width] = x.dims.slice(2) as [number, number];
  const perGroup = weights.dims.slice(1).reduce((a, b) => a * b);
  if (height * width === 1) return convTranspose(graph, { ...parts, x: pad(graph, x, { begins: [0, 0, 0, 0], ends: [0, 0, 0, 1], mode: 'constant' }) });
  if (perGroup === 1) return withSecondFilter(graph, parts);
  const channels = x.dims[1]! / groups;
  return channels <= blockSize(height * width, channels) ? spreadOut(graph, parts) : inParts(graph, parts);
}

function spreadOut(graph: GraphBuilder, { x, weights, bias, groups, strides, dilations, pads, output }: ConvTransposeParts): Value {
  const kernel = weights.dims.slice(2);
  // What the filters reach beyond the output is cut off; an output beyond that is ONNX's output_padding.
  const beyond = [0, 1].map((axis) => strides[axis]! * (x.dims[2 + axis]! - 1) + dilations[axis]! * (kernel[axis]! - 1) + 1 - pads[axis]! - output[axis]!);
  if (beyond.some((size, axis) => -size >= strides[axis]!)) throw new RangeError('its output reaches a whole step beyond its input');
  const onnx = {
    opType: 'ConvTranspose',
    attributes: [
      { name: 'dilations', value: dilations },
      { name: 'group', value: groups },
      { name: 'kernel_shape', value: kernel },
      { name: 'output_padding', value: beyond.map((size) => Math.max(0, -size)) },
      { name: 'pads', value: [...pads, ...beyond.map((size) => Math.max(0, size))] },
      { name: 'strides', value: strides },
    ],
    shapeInputs: [],
  };
  const attributes = convTransposeAttributes({ strides, pads, dilations, groups });
  const dims = [x.dims[0]!, weights.dims[1]! * groups, ...output];
  return graph.add({ operator: 'ConvTranspose', operands: bias ? [x, weights, bias] : [x, weights], attributes, output: { dtype: x.dtype, dims }, onnx });
}

/** A filter of zeros for each group beside its single one, whose channel is cut off again. */
function withSecondFilter(graph: GraphBuilder, { bias, ...parts }: ConvTransposeParts): Value {
  const weights = pad(graph, parts.weights, { begins: [0, 0, 0, 0], ends: [0, 1, 0, 0], mode: 'constant' });
  const result = convTranspose(graph, { ...parts, weights });
  const own = slice(graph, result, { starts: [0, 0, 0, 0], sizes: result.dims.with(1, parts.groups), steps: [1, 2, 1, 1] });
  return bias ? arithmetic(graph, 'Add', [own, reshape(graph, bias, [parts.groups, 1, 1])]) : own;
}

/** The sum of convolutions over as many channels as one block holds. */
function inParts(graph: GraphBuilder, { bias, ...parts }: ConvTransposeParts): Value {
  const { x, weights, groups } = parts;
  if (groups > 1) throw new RangeError(`groups of more than ${CHANNELS} channels are not supported`);
  const part = (value: Value, axis: number, start: number): Value => {
    const size = Math.min(CHANNELS, value.dims[axis]! - start);
    return slice(graph, value, { starts: value.dims.map((_, i) => (i === axis ? start : 0)), sizes: value.dims.with(axis, size), steps: value.dims.map(() => 1) });
  };
  const starts = Array.from({ length: Math.ceil(x.dims[1]! / CHANNELS) }, (_, i) => i * CHANNELS);
  const sums = starts.map((start, i) => spreadOut(graph, { ...parts, x: part(x, 1, start), weights: part(weights, 0, start), ...(bias && i === 0 && { bias }) }));
  return sums.reduce((sum, next) => arithmetic(graph, 'Add', [sum, next]));
}
