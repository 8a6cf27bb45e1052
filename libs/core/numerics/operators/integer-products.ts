import { checkTypes } from '../broadcasting.js';
import { expect, operand } from '../checks.js';
import type { Descriptor } from '../descriptor.js';
import { integerOf, wordOf } from '../integers.js';
import type { OperandElement, Operator } from '../operator.js';
import { QUANTIZED, requantized, type Quantized } from '../quantization.js';
import { broadcastIndex, broadcastsTo, elementCount, sameDims } from '../shapes.js';
import { checkConvolution, convAttributes, placesOf, type ConvAttributes } from './conv.js';

/** Where the tensors lie among an operator's operands. */
interface Slots {
  readonly a: number;
  readonly aZero: number;
  readonly b: number;
  readonly bZero: number;
}

/** As ONNX orders the inputs of MatMulInteger and ConvInteger, and of QLinearMatMul and QLinearConv. */
const INTEGER: Slots = { a: 0, b: 1, aZero: 2, bZero: 3 };
const LINEAR: Slots = { a: 0, aZero: 2, b: 3, bZero: 5 };
const [A_SCALE, B_SCALE, Y_SCALE, Y_ZERO, BIAS] = [1, 4, 6, 7, 8];
/** Attributes of the convolutions: strides (2), pads (4), dilations (2), groups. */
const CONVOLUTION_ATTRIBUTES = 9;

export type IntegerConvAttributes = Omit<ConvAttributes, 'block'>;

export function integerConvAttributes(attributes: IntegerConvAttributes): bigint[] {
  return convAttributes({ ...attributes, block: 0 }).slice(0, CONVOLUTION_ATTRIBUTES);
}

/** The operand elements that one product of an output element takes, in the order of `multiplied`; none in the padding. */
type Products = (d: Descriptor, slots: Slots, at: { element: number; product: number }) => OperandElement[];

interface Shape {
  /** Throws RangeError unless shapes and attributes fit together. */
  check(d: Descriptor, slots: Slots): void;
  /** Products per output element. */
  length(d: Descriptor, slots: Slots): number;
  readonly products: Products;
  /** The column or filter of an output element: what the right side's scale and the bias belong to. */
  channel(d: Descriptor, element: number): number;
}

const isScalar = (d: Descriptor, slot: number): boolean => operand(d, slot).dims.length === 0;

/** Stacks of matrices, M×K times K×N each, the stacks broadcast. The right side's zero point is a scalar or one per column. */
const MATRICES: Shape = {
  check(d, { a, b, bZero }) {
    const [left, right, { dims }] = [operand(d, a).dims, operand(d, b).dims, d.output];
    expect(d.attributes.length === 0, 'no attributes are expected');
    expect(left.length >= 2 && right.length >= 2, 'a product takes at least two dimensions on both sides');
    expect(left.at(-1) === right.at(-2) && left.at(-1)! >= 1, 'inner dimensions differ or are empty');
    expect(sameDims(dims.slice(-2), [left.at(-2)!, right.at(-1)!]), 'output has another shape than the product');
    const [stack, stacks] = [dims.slice(0, -2), [left.slice(0, -2), right.slice(0, -2)]];
    const largest = stack.map((_, axis) => Math.max(...stacks.map((one) => one.at(axis - stack.length) ?? 1)));
    expect(stacks.every((one) => broadcastsTo(one, stack)) && sameDims(stack, largest), 'the stacks do not broadcast to the output’s');
    expect(isScalar(d, bZero) || (right.length === 2 && sameDims(operand(d, bZero).dims, [right[1]!])), 'the zero point is neither a scalar nor one per column');
  },
  length: (d, { a }) => operand(d, a).dims.at(-1)!,
  products(d, { a, aZero, b, bZero }, { element, product }) {
    const [left, right, { dims }] = [operand(d, a).dims, operand(d, b).dims, d.output];
    const [rows, columns, inner] = [dims.at(-2)!, dims.at(-1)!, left.at(-1)!];
    const [row, column] = [Math.floor(element / columns) % rows, element % columns];
    const matrix = Math.floor(element / (rows * columns));
    const start = (from: readonly number[]): number => broadcastIndex(matrix, dims.slice(0, -2), from.slice(0, -2)) * elementCount(from.slice(-2));
    return [
      { slot: a, element: start(left) + row * inner + product },
      { slot: aZero, element: 0 },
      { slot: b, element: start(right) + product * columns + column },
      { slot: bZero, element: isScalar(d, bZero) ? 0 : column },
    ];
  },
  channel: (d, element) => element % d.output.dims.at(-1)!,
};

/** As Conv. In the padding the input counts as its zero point, so nothing is added. */
const CONVOLUTION: Shape = {
  check(d, { b, bZero }) {
    expect(d.attributes.length === CONVOLUTION_ATTRIBUTES, `${d.attributes.length} attributes, not ${CONVOLUTION_ATTRIBUTES}`);
    checkConvolution(d, b);
    expect(isScalar(d, bZero), 'the weights’ zero point is no scalar');
  },
  length: (d, { b }) => elementCount(operand(d, b).dims.slice(1)),
  products(d, { a, aZero, b, bZero }, at) {
    const { input, weight } = placesOf(d, b, at);
    if (input === undefined) return [];
    return [{ slot: a, element: input }, { slot: aZero, element: 0 }, { slot: b, element: weight }, { slot: bZero, element: 0 }];
  },
  channel: (d, element) => Math.floor(element / elementCount(d.output.dims.slice(2))) % d.output.dims[1]!,
};

/** Both sides uint8 or both int8: of mixed signs, some machines' kernels saturate in between. */
function checkSides(d: Descriptor, { a, aZero, b, bZero }: Slots): void {
  const { dtype } = operand(d, a);
  checkTypes([operand(d, a)], QUANTIZED);
  checkTypes([operand(d, aZero), operand(d, b), operand(d, bZero)], [dtype]);
  expect(isScalar(d, aZero), 'the left side’s zero point is no scalar');
  expect(d.outputIndex === 0, `output ${d.outputIndex} of an operator with one output`);
}

/** sum + (a − zero point of a) · (b − zero point of b), modulo 2^32. */
function multiplied(d: Descriptor, sum: bigint, words: readonly bigint[]): bigint {
  if (words.length === 0) return sum;
  const { dtype } = operand(d, 0);
  const [a, aZero, b, bZero] = words.map((word) => integerOf(word, dtype)) as [bigint, bigint, bigint, bigint];
  return wordOf(sum + (a - aZero) * (b - bZero), 'int32');
}

/** A sum of integer products; the state is the sum so far. */
function integerProduct(name: string, code: number, shape: Shape): Operator {
  return {
    name,
    code,
    check(d) {
      expect(d.operands.length === 4, `${d.operands.length} operands, not 4`);
      checkSides(d, INTEGER);
      checkTypes([d.output], ['int32']);
      shape.check(d, INTEGER);
    },
    steps: (d) => shape.length(d, INTEGER),
    operands: (d, { element, step }) => shape.products(d, INTEGER, { element, product: step }),
    apply: (d, _at, state, words) => multiplied(d, state, words),
  };
}

/** The same, then the bias if there is one, then the sum requantised: a micro-step each. */
function linearProduct(name: string, code: number, { shape, mostOperands }: { shape: Shape; mostOperands: number }): Operator {
  return {
    name,
    code,
    check(d) {
      expect(d.operands.length >= BIAS && d.operands.length <= mostOperands, `${d.operands.length} operands, not ${BIAS} to ${mostOperands}`);
      checkSides(d, LINEAR);
      checkTypes([d.output, operand(d, Y_ZERO)], [operand(d, LINEAR.a).dtype]);
      checkTypes([A_SCALE, B_SCALE, Y_SCALE].map((slot) => operand(d, slot)), ['float32']);
      expect(isScalar(d, A_SCALE) && isScalar(d, Y_SCALE) && isScalar(d, Y_ZERO), 'a scale or zero point that must be a scalar is none');
      shape.check(d, LINEAR);
      const channels = [d.output.dims.at(shape === MATRICES ? -1 : 1)!];
      expect(isScalar(d, B_SCALE) || sameDims(operand(d, B_SCALE).dims, channels), 'the right side’s scale is neither a scalar nor one per column or filter');
      if (d.operands.length > BIAS) checkTypes([operand(d, BIAS)], ['int32']);
      expect(d.operands.length === BIAS || sameDims(operand(d, BIAS).dims, channels), 'bias does not have one element per filter');
    },
    steps: (d) => shape.length(d, LINEAR) + d.operands.length - BIAS + 1,
    operands(d, { element, step }) {
      const past = step - shape.length(d, LINEAR);
      if (past < 0) return shape.products(d, LINEAR, { element, product: step });
      const channel = shape.channel(d, element);
      if (past < d.operands.length - BIAS) return [{ slot: BIAS, element: channel }];
      return [A_SCALE, B_SCALE, Y_SCALE, Y_ZERO].map((slot) => ({ slot, element: slot === B_SCALE && !isScalar(d, slot) ? channel : 0 }));
    },
    apply(d, { step }, state, words) {
      const past = step - shape.length(d, LINEAR);
      if (past < 0) return multiplied(d, state, words);
      if (past < d.operands.length - BIAS) return wordOf(state + words[0]!, 'int32');
      const [a, b, y, zeroPoint] = words as [bigint, bigint, bigint, bigint];
      return requantized(state, { a, b, y }, { zeroPoint, dtype: d.output.dtype as Quantized });
    },
  };
}

/** The exact sum of (a − zero point) · (b − zero point) over K, wrapping in int32. */
export const matMulInteger = integerProduct('MatMulInteger', 37, MATRICES);
/** The exact sum of (x − zero point) · (w − zero point) over (channel, kernel row, kernel column), padding as the zero point, wrapping in int32. */
export const convInteger = integerProduct('ConvInteger', 38, CONVOLUTION);
/** The sum of MatMulInteger, then requantised: sum · (a · b / y) of the three scales, each step rounded to float32, to an integer with ties to even, plus the zero point, saturating. */
export const qLinearMatMul = linearProduct('QLinearMatMul', 39, { shape: MATRICES, mostOperands: BIAS });
/** The sum of ConvInteger, the int32 bias if there is one, then requantised as QLinearMatMul. */
export const qLinearConv = linearProduct('QLinearConv', 40, { shape: CONVOLUTION, mostOperands: BIAS + 1 });
