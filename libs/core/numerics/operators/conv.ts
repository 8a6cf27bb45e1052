import { attribute, checkedAttribute, checkForm, expect, operand } from '../checks.js';
import type { Descriptor } from '../descriptor.js';
import { F32_ZERO, f32Add } from '../float32.js';
import type { Operator } from '../operator.js';
import { blockSteps, foldInto, multiplyInto, stageAt, totalOf, type Blocks } from '../reduction.js';
import { coordinatesOf, elementCount, sameDims } from '../shapes.js';
import { tapOffset, windowOutput, type Window } from '../window.js';

export interface ConvAttributes extends Omit<Window, 'kernel'> {
  readonly groups: number;
  /** Products per block of the sum: what the runtime's kernel takes, chosen by the compiler. */
  readonly block: number;
}

const COUNT = 10;

export function convAttributes({ strides, pads, dilations, groups, block }: ConvAttributes): bigint[] {
  return [...strides, ...pads, ...dilations, groups, block].map(BigInt);
}

const [INPUT, WEIGHTS, BIAS] = [0, 1, 2];

/** Attributes 0 to 8 and the weights' shape; integer convolutions have them in the same place. */
function windowOf(d: Descriptor, weightsSlot: number): Window {
  const a = (at: number): number => attribute(d, at);
  const [, , kernelHeight, kernelWidth] = operand(d, weightsSlot).dims;
  return { kernel: [kernelHeight!, kernelWidth!], strides: [a(0), a(1)], pads: [a(2), a(3), a(4), a(5)], dilations: [a(6), a(7)] };
}

const groupsOf = (d: Descriptor): number => attribute(d, 8);

function blocksOf(d: Descriptor): Blocks {
  const [, channels, height, width] = operand(d, WEIGHTS).dims;
  return { length: channels! * height! * width!, block: attribute(d, 9) };
}

/**
 * Two-dimensional convolution: input N×C×H×W, weights M×(C/groups)×KH×KW, optional bias M; products in the order
 * (channel, kernel row, kernel column), in blocks, then the bias. In the padding the input counts as +0 and is multiplied.
 */
export const conv: Operator = {
  name: 'Conv',
  code: 32,

  check(d) {
    checkForm(d, { operands: [2, 3], attributes: COUNT, dtype: 'float32' });
    checkConvolution(d, WEIGHTS);
    expect(d.operands.length === 2 || sameDims(operand(d, BIAS).dims, [d.output.dims[1]!]), 'bias does not have one element per filter');
  },

  steps: (d) => blockSteps(blocksOf(d)) + (d.operands.length - BIAS),

  operands(d, at) {
    const stage = stageAt(blocksOf(d), at.step);
    if (stage === 'done') return [{ slot: BIAS, element: coordinatesOf(at.element, d.output.dims)[1]! }];
    if ('fold' in stage) return [];
    const { input, weight } = placesOf(d, WEIGHTS, { element: at.element, product: stage.product });
    return [...(input === undefined ? [] : [{ slot: INPUT, element: input }]), { slot: WEIGHTS, element: weight }];
  },

  apply(d, at, state, words) {
    const stage = stageAt(blocksOf(d), at.step);
    if (stage === 'done') return BigInt(f32Add(totalOf(state), Number(words[0])));
    if ('fold' in stage) return foldInto(state, stage.fold);
    const [input, weight] = words.length === 2 ? words : [F32_ZERO, words[0]];
    return multiplyInto(state, Number(input), Number(weight));
  },
};

/** Throws RangeError unless input (operand 0), weights, attributes and output fit together. */
export function checkConvolution(d: Descriptor, weightsSlot: number): void {
  const [input, weights] = [operand(d, INPUT).dims, operand(d, weightsSlot).dims];
  expect(input.length === 4 && weights.length === 4, 'input and weights have four dimensions');
  for (let at = 0; at < d.attributes.length; at++) checkedAttribute(d, at, at >= 2 && at <= 5 ? 0 : 1);
  const groups = groupsOf(d);
  expect(weights[0]! % groups === 0 && input[1] === weights[1]! * groups, 'channels do not fit the groups');
  expect(elementCount(weights.slice(1)) >= 1, 'weights are empty');
  const [height, width] = windowOutput(input[2]!, input[3]!, windowOf(d, weightsSlot));
  expect(sameDims(d.output.dims, [input[0]!, weights[0]!, height, width]), 'output has another shape than the convolution');
}

/** Indices of the input element (undefined in the padding) and of the weight that one product of an output element takes. */
export function placesOf(d: Descriptor, weightsSlot: number, { element, product }: { element: number; product: number }): { input: number | undefined; weight: number } {
  const [, inputChannels, height, width] = operand(d, INPUT).dims as [number, number, number, number];
  const [filters, channels, kernelHeight, kernelWidth] = operand(d, weightsSlot).dims as [number, number, number, number];
  const [image, filter, y, x] = coordinatesOf(element, d.output.dims) as [number, number, number, number];
  const [channel, ky, kx] = coordinatesOf(product, [channels, kernelHeight, kernelWidth]) as [number, number, number];
  const weight = filter * channels * kernelHeight * kernelWidth + product;
  const offset = tapOffset(windowOf(d, weightsSlot), [height, width], { y, x, ky, kx });
  if (offset === undefined) return { input: undefined, weight };
  const group = Math.floor(filter / (filters / groupsOf(d)));
  const plane = image * inputChannels + group * channels + channel;
  return { input: plane * height * width + offset, weight };
}
