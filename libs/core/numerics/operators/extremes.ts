import type { Dtype } from '#core/hashing';
import { checkTypes } from '../broadcasting.js';
import { attribute, checkedAttribute, checkForm, expect, operand } from '../checks.js';
import type { Descriptor } from '../descriptor.js';
import { f32Canonical, f32Le, f32Lt, f32Max, f32Min } from '../float32.js';
import { integerOf } from '../integers.js';
import type { OperandElement, Operator, StepAt } from '../operator.js';
import { coordinatesOf, indexOf, sameDims } from '../shapes.js';

export interface ReduceMaxAttributes {
  /** The axis that is reduced; it stays, with size 1. */
  readonly axis: number;
}

/** Also of ReduceMin. */
export function reduceMaxAttributes({ axis }: ReduceMaxAttributes): bigint[] {
  return [BigInt(axis)];
}

export interface ArgMaxAttributes extends ReduceMaxAttributes {
  /** Of equal elements the last one instead of the first. */
  readonly last: boolean;
}

/** Also of ArgMin. */
export function argMaxAttributes({ axis, last }: ArgMaxAttributes): bigint[] {
  return [BigInt(axis), last ? 1n : 0n];
}

function checkAxis(d: Descriptor): void {
  const input = operand(d, 0).dims;
  const axis = checkedAttribute(d, 0, 0, input.length - 1);
  expect(input[axis]! >= 1, 'the reduced axis is empty');
  expect(sameDims(d.output.dims, input.with(axis, 1)), 'output has another shape than the reduction');
}

const reducedSize = (d: Descriptor): number => operand(d, 0).dims[attribute(d, 0)]!;

function elementAt(d: Descriptor, { element, step }: StepAt): OperandElement[] {
  const coordinates = coordinatesOf(element, d.output.dims).with(attribute(d, 0), step);
  return [{ slot: 0, element: indexOf(coordinates, operand(d, 0).dims) }];
}

/** How to choose between the best so far and the next: of floats and of integers. */
interface Choice {
  float(best: number, next: number): number;
  /** True if the next integer replaces the best. */
  replaces(next: bigint, best: bigint): boolean;
}

/** The chosen element along one axis, in order. */
function extreme(name: string, code: number, choice: Choice): Operator {
  return {
    name,
    code,
    check(d) {
      checkForm(d, { operands: 1, attributes: 1 });
      checkTypes([d.output], ['float32', 'int32', 'int64', 'int8', 'uint8']);
      checkAxis(d);
    },
    steps: reducedSize,
    operands: elementAt,
    apply({ output: { dtype } }, { step }, state, [word]) {
      if (dtype === 'float32') return BigInt(step === 0 ? f32Canonical(Number(word)) : choice.float(Number(state), Number(word)));
      return step === 0 || choice.replaces(integerOf(word!, dtype), integerOf(state, dtype)) ? word! : state;
    },
  };
}

/**
 * The largest element along one axis, from its first on.
 * ONNX Runtime (1.30.0) agrees where there is no NaN and no −0; else it answers by lane. The compiler keeps such inputs away.
 */
export const reduceMax = extreme('ReduceMax', 50, { float: f32Max, replaces: (next, best) => next > best });
/** The smallest element along one axis, from its first on; as ReduceMax. */
export const reduceMin = extreme('ReduceMin', 51, { float: f32Min, replaces: (next, best) => next < best });

const INDEX = 0xffffffffn;
const VALUE = 32n;

/** True if the word `a` is ahead of `b`: below it, or equal to it where ties count. */
function precedes([a, b]: readonly [bigint, bigint], dtype: Dtype, ties: boolean): boolean {
  if (dtype === 'float32') return (ties ? f32Le : f32Lt)(Number(a), Number(b));
  const [x, y] = [integerOf(a, dtype), integerOf(b, dtype)];
  return ties ? x <= y : x < y;
}

/**
 * Where along one axis the chosen element is; of several the first, or the last if so asked. The state holds the best
 * word in its upper half and its index in the lower; one more micro-step at the end leaves the index.
 */
function position(name: string, code: number, smallest: boolean): Operator {
  return {
    name,
    code,
    check(d) {
      expect(d.outputIndex === 0 && d.operands.length === 1 && d.attributes.length === 2, 'one operand, one output and two attributes are expected');
      checkTypes([d.output], ['int64']);
      checkTypes(d.operands, ['float32', 'int32', 'int8', 'uint8']);
      checkAxis(d);
      checkedAttribute(d, 1, 0, 1);
    },
    steps: (d) => reducedSize(d) + 1,
    operands: (d, at) => (at.step === reducedSize(d) ? [] : elementAt(d, at)),
    apply(d, { step }, state, [word]) {
      if (word === undefined) return state & INDEX;
      const best = state >> VALUE;
      const replaced = step === 0 || precedes(smallest ? [word, best] : [best, word], operand(d, 0).dtype, attribute(d, 1) === 1);
      return replaced ? (word << VALUE) | BigInt(step) : state;
    },
  };
}

/** The place of the largest element along one axis: the first, or the last, of equals; a last micro-step leaves the place. As ReduceMax, a NaN must be kept away; zeros are equal whatever their sign. */
export const argMax = position('ArgMax', 52, false);
/** The place of the smallest element along one axis; as ArgMax. */
export const argMin = position('ArgMin', 53, true);
