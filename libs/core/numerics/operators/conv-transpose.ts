import { attribute, checkedAttribute, checkForm, expect, operand } from '../checks.js';
import type { Descriptor } from '../descriptor.js';
import { f32Add } from '../float32.js';
import type { OperandElement, Operator } from '../operator.js';
import { blockOf, multiplyInto, stateOf, totalOf } from '../reduction.js';
import { coordinatesOf, sameDims } from '../shapes.js';

type Quad = readonly [number, number, number, number];

export interface ConvTransposeAttributes {
  readonly strides: readonly [number, number];
  /** Top and left; what is cut off at the bottom and right follows from the output. */
  readonly pads: readonly [number, number];
  readonly dilations: readonly [number, number];
  readonly groups: number;
}

const COUNT = 7;

export function convTransposeAttributes({ strides, pads, dilations, groups }: ConvTransposeAttributes): bigint[] {
  return [...strides, ...pads, ...dilations, groups].map(BigInt);
}

const [INPUT, WEIGHTS, BIAS] = [0, 1, 2];

interface Shape {
  readonly input: Quad;
  /** Input channels × filters per group × kernel height × kernel width. */
  readonly weights: Quad;
  /** Input channels per group: products per tap. */
  readonly channels: number;
  readonly taps: number;
}

function shapeOf(d: Descriptor): Shape {
  const [input, weights] = [operand(d, INPUT).dims as unknown as Quad, operand(d, WEIGHTS).dims as unknown as Quad];
  return { input, weights, channels: weights[0] / attribute(d, 6), taps: weights[2] * weights[3] };
}

/**
 * Two-dimensional transposed convolution: tap by tap in row-major order the sum over the group's channels, a chain of fma
 * from +0, is added to a total that starts at +0; then the bias. A tap that meets no input leaves the total alone.
 * Source: onnxruntime/core/providers/cpu/nn/conv_transpose.cc: a matrix product, then Col2im. One block of the product
 * holds all channels of a group; the compiler sees to it.
 */
export const convTranspose: Operator = {
  name: 'ConvTranspose',
  code: 36,

  check(d) {
    checkForm(d, { operands: [2, 3], attributes: COUNT, dtype: 'float32' });
    expect([operand(d, INPUT), operand(d, WEIGHTS), d.output].every(({ dims }) => dims.length === 4), 'input, weights and output have four dimensions');
    for (let at = 0; at < COUNT; at++) checkedAttribute(d, at, at === 2 || at === 3 ? 0 : 1);
    const { input, weights } = shapeOf(d);
    const groups = attribute(d, 6);
    expect(weights[0] === input[1] && weights[0] % groups === 0 && weights.every((size) => size >= 1), 'channels do not fit the groups');
    expect(d.output.dims[0] === input[0] && d.output.dims[1] === weights[1] * groups, 'output has other images or channels than the convolution');
    expect(d.operands.length === 2 || sameDims(operand(d, BIAS).dims, [weights[1] * groups]), 'bias does not have one element per filter');
  },

  steps(d) {
    const { taps, channels } = shapeOf(d);
    return taps * (channels + 1) + (d.operands.length - BIAS);
  },

  operands(d, { element, step }) {
    const { taps, channels } = shapeOf(d);
    const [tap, k] = [Math.floor(step / (channels + 1)), step % (channels + 1)];
    if (tap === taps) return [{ slot: BIAS, element: coordinatesOf(element, d.output.dims)[1]! }];
    return k === channels ? [] : productOperands(d, element, { tap, k });
  },

  apply(d, { element, step }, state, words) {
    const { taps, channels } = shapeOf(d);
    const [tap, k] = [Math.floor(step / (channels + 1)), step % (channels + 1)];
    if (tap === taps) return BigInt(f32Add(totalOf(state), Number(words[0])));
    if (k < channels) return words.length === 2 ? multiplyInto(state, Number(words[1]), Number(words[0])) : state;
    return offsetUnder(d, element, tap) === undefined ? stateOf(totalOf(state), 0) : stateOf(f32Add(totalOf(state), blockOf(state)), 0);
  },
};

/** The input element that tap `tap` multiplies into product k of an output element, and its weight; none where the tap meets no input. */
function productOperands(d: Descriptor, element: number, { tap, k }: { tap: number; k: number }): OperandElement[] {
  const { input, weights, channels, taps } = shapeOf(d);
  const offset = offsetUnder(d, element, tap);
  if (offset === undefined) return [];
  const [image, filter] = coordinatesOf(element, d.output.dims) as [number, number];
  const channel = Math.floor(filter / weights[1]) * channels + k;
  return [
    { slot: INPUT, element: (image * input[1] + channel) * input[2] * input[3] + offset },
    { slot: WEIGHTS, element: (channel * weights[1] + (filter % weights[1])) * taps + tap },
  ];
}

/** Offset in the input's plane of the element that a tap spreads to an output position. */
function offsetUnder(d: Descriptor, element: number, tap: number): number | undefined {
  const { input, weights } = shapeOf(d);
  const [, , y, x] = coordinatesOf(element, d.output.dims) as [number, number, number, number];
  const row = place(d, { axis: 0, output: y, tap: Math.floor(tap / weights[3]), size: input[2] });
  const column = place(d, { axis: 1, output: x, tap: tap % weights[3], size: input[3] });
  return row === undefined || column === undefined ? undefined : row * input[3] + column;
}

function place(d: Descriptor, { axis, output, tap, size }: { axis: 0 | 1; output: number; tap: number; size: number }): number | undefined {
  const [stride, pad, dilation] = [attribute(d, axis), attribute(d, 2 + axis), attribute(d, 4 + axis)];
  const spread = output + pad - tap * dilation;
  return spread < 0 || spread % stride !== 0 || spread / stride >= size ? undefined : spread / stride;
}
