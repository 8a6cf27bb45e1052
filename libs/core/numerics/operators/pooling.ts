import { attribute, checkedAttribute, checkForm, expect, operand } from '../checks.js';
import type { Descriptor } from '../descriptor.js';
import { F32_INFINITY, F32_ZERO, f32Add, f32Div, f32FromNumber, f32Max } from '../float32.js';
import type { OperandElement, Operator, StepAt } from '../operator.js';
import { blockOf, stateOf, totalOf } from '../reduction.js';
import { coordinatesOf, sameDims } from '../shapes.js';
import { tapOffset, windowOutput, type Window } from '../window.js';

const MINUS_INFINITY = F32_INFINITY + 2 ** 31;
/** Adding to it changes nothing, not even the sign of a zero. */
const MINUS_ZERO = 2 ** 31;

export type MaxPoolAttributes = Window;

export function maxPoolAttributes({ kernel, strides, pads, dilations }: MaxPoolAttributes): bigint[] {
  return [...kernel, ...strides, ...pads, ...dilations].map(BigInt);
}

export interface AveragePoolAttributes extends Omit<Window, 'dilations'> {
  /** Divide by the size of the whole window, padding included. */
  readonly countPadding: boolean;
}

export function averagePoolAttributes({ kernel, strides, pads, countPadding }: AveragePoolAttributes): bigint[] {
  return [...kernel, ...strides, ...pads, countPadding ? 1 : 0].map(BigInt);
}

/** Both kinds begin with kernel, strides, pads; the rest differs. */
function windowOf(d: Descriptor, dilated: boolean): Window {
  const a = (at: number): number => attribute(d, at);
  return { kernel: [a(0), a(1)], strides: [a(2), a(3)], pads: [a(4), a(5), a(6), a(7)], dilations: dilated ? [a(8), a(9)] : [1, 1] };
}

function checkWindow(d: Descriptor, dilated: boolean): void {
  checkForm(d, { operands: 1, attributes: dilated ? 10 : 9, dtype: 'float32' });
  const input = operand(d, 0).dims;
  expect(input.length === 4, 'input has four dimensions');
  for (let at = 0; at < (dilated ? 10 : 8); at++) checkedAttribute(d, at, at >= 4 && at <= 7 ? 0 : 1);
  const w = windowOf(d, dilated);
  expect(sameDims(d.output.dims, [input[0]!, input[1]!, ...windowOutput(input[2]!, input[3]!, w)]), 'output has another shape than the pooling');
}

/** The input element under a tap; none in the padding. */
function tapOperands(d: Descriptor, w: Window, at: StepAt & { ky: number; kx: number }): OperandElement[] {
  const [, , height, width] = operand(d, 0).dims as [number, number, number, number];
  const [image, channel, y, x] = coordinatesOf(at.element, d.output.dims) as [number, number, number, number];
  const offset = tapOffset(w, [height, width], { y, x, ky: at.ky, kx: at.kx });
  return offset === undefined ? [] : [{ slot: 0, element: (image * d.output.dims[1]! + channel) * height * width + offset }];
}

/**
 * The largest element under the window, taps in row-major order from −Infinity; padding takes no part.
 * ONNX Runtime (1.30.0, AVX-512) agrees wherever no NaN and no −0 is under the window and some element is above
 * −Infinity; else it answers by lane. The compiler keeps such inputs away.
 */
export const maxPool: Operator = {
  name: 'MaxPool',
  code: 48,
  check: (d) => checkWindow(d, true),
  steps: (d) => attribute(d, 0) * attribute(d, 1),
  operands(d, at) {
    const [ky, kx] = coordinatesOf(at.step, [attribute(d, 0), attribute(d, 1)]) as [number, number];
    return tapOperands(d, windowOf(d, true), { ...at, ky, kx });
  },
  apply(_d, { step }, state, [x]) {
    const largest = step === 0 ? MINUS_INFINITY : Number(state);
    return BigInt(x === undefined ? largest : f32Max(largest, Number(x)));
  },
};

/**
 * Mean under the window, summed as MLAS does (onnxruntime/core/mlas/lib/pooling.cpp, vector kernels): column by column,
 * each from its first row on the input; a column in the padding is +0; at the end the division.
 * One micro-step per tap, one after each column that adds it to the total, one for the division.
 */
export const averagePool: Operator = {
  name: 'AveragePool',
  code: 49,
  check(d) {
    checkWindow(d, false);
    checkedAttribute(d, 8, 0, 1);
    const { kernel, strides, pads } = windowOf(d, false);
    const [, , height, width] = operand(d, 0).dims;
    expect(pads.every((pad, i) => pad < kernel[i % 2]!), 'padding is as large as the window');
    // MLAS sums in another order here, and by lane in the second case.
    expect(strides[1] <= 2, 'horizontal strides above 2 are not supported');
    expect(kernel[0] !== height || kernel[1] !== width, 'a window as large as the input is not supported');
  },
  steps: (d) => (attribute(d, 0) + 1) * attribute(d, 1) + 1,
  operands(d, at) {
    const { kx, ky } = columnStep(d, at.step);
    return ky === attribute(d, 0) || kx === attribute(d, 1) ? [] : tapOperands(d, windowOf(d, false), { ...at, ky, kx });
  },
  apply(d, at, state, [x]) {
    const { kx, ky } = columnStep(d, at.step);
    if (kx === attribute(d, 1)) return BigInt(f32Div(totalOf(state), f32FromNumber(tapsCounted(d, at.element))));
    if (ky === attribute(d, 0)) return stateOf(kx === 0 ? blockOf(state) : f32Add(totalOf(state), blockOf(state)), 0);
    const column = ky > 0 ? blockOf(state) : columnOnInput(d, at.element, kx) ? MINUS_ZERO : F32_ZERO;
    return stateOf(totalOf(state), x === undefined ? column : f32Add(column, Number(x)));
  },
};

/** Tap of a micro-step; ky is the kernel's height where a column is closed, kx its width at the division. */
function columnStep(d: Descriptor, step: number): { readonly kx: number; readonly ky: number } {
  const perColumn = attribute(d, 0) + 1;
  return { kx: Math.floor(step / perColumn), ky: step % perColumn };
}

function columnOnInput(d: Descriptor, element: number, kx: number): boolean {
  const w = windowOf(d, false);
  const x = element % d.output.dims[3]!;
  return covered(x * w.strides[1] - w.pads[1] + kx, 1, operand(d, 0).dims[3]!) === 1;
}

/** What the sum is divided by: the taps on the input, or all of them. */
function tapsCounted(d: Descriptor, element: number): number {
  const w = windowOf(d, false);
  if (attribute(d, 8) === 1) return w.kernel[0] * w.kernel[1];
  const [, , height, width] = operand(d, 0).dims as [number, number, number, number];
  const [, , y, x] = coordinatesOf(element, d.output.dims) as [number, number, number, number];
  return covered(y * w.strides[0] - w.pads[0], w.kernel[0], height) * covered(x * w.strides[1] - w.pads[1], w.kernel[1], width);
}

/** How many of `count` places from `start` on lie in [0, size). */
function covered(start: number, count: number, size: number): number {
  return Math.max(0, Math.min(start + count, size) - Math.max(start, 0));
}
