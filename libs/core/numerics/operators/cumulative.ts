import { attribute, checkedAttribute, checkForm, expect, operand } from '../checks.js';
import { checkTypes } from '../broadcasting.js';
import type { Descriptor } from '../descriptor.js';
import { f32Add, f32Canonical } from '../float32.js';
import { integerOf, wordOf } from '../integers.js';
import type { Operator } from '../operator.js';
import { coordinatesOf, indexOf, sameDims } from '../shapes.js';

export interface CumSumAttributes {
  readonly axis: number;
  /** The sum of those before an element, without it. */
  readonly exclusive: boolean;
  /** From the end of the axis. */
  readonly reverse: boolean;
}

export function cumSumAttributes({ axis, exclusive, reverse }: CumSumAttributes): bigint[] {
  return [axis, exclusive ? 1 : 0, reverse ? 1 : 0].map(BigInt);
}

const exclusive = (d: Descriptor): boolean => attribute(d, 1) === 1;
const axisSize = (d: Descriptor): number => operand(d, 0).dims[attribute(d, 0)]!;
const alongAxis = (d: Descriptor, place: number): number => (attribute(d, 2) === 1 ? axisSize(d) - 1 - place : place);

/**
 * Running sums along one axis, one micro-step per element of the axis; those past the own element read nothing. Inclusive
 * sums start with the first element itself, exclusive ones with +0. Integers wrap around.
 */
export const cumSum: Operator = {
  name: 'CumSum',
  code: 74,
  check(d) {
    checkForm(d, { operands: 1, attributes: 3 });
    checkTypes([d.output], ['float32', 'int32', 'int64']);
    expect(sameDims(d.output.dims, operand(d, 0).dims), 'output and operand differ in shape');
    checkedAttribute(d, 0, 0, d.output.dims.length - 1);
    for (const at of [1, 2]) checkedAttribute(d, at, 0, 1);
    expect(axisSize(d) >= 1, 'the axis is empty');
  },
  steps: axisSize,
  operands(d, { element, step }) {
    const axis = attribute(d, 0);
    const coordinates = coordinatesOf(element, d.output.dims);
    const own = alongAxis(d, coordinates[axis]!);
    if (step > own || (step === own && exclusive(d))) return [];
    return [{ slot: 0, element: indexOf(coordinates.with(axis, alongAxis(d, step)), d.output.dims) }];
  },
  apply(d, { step }, state, [word]) {
    const { dtype } = d.output;
    if (word === undefined) return state;
    if (dtype !== 'float32') return wordOf(integerOf(state, dtype) + integerOf(word, dtype), dtype);
    if (step === 0 && !exclusive(d)) return BigInt(f32Canonical(Number(word)));
    return BigInt(f32Add(Number(BigInt.asUintN(32, state)), Number(word)));
  },
};
