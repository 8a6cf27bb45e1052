import { attribute, checkedAttribute, checkForm, expect, operand } from '../checks.js';
import { MAX_OPERANDS, type Descriptor } from '../descriptor.js';
import { f32Canonical } from '../float32.js';
import type { OperandElement, Operator, StepAt } from '../operator.js';
import { coordinatesOf, elementCount, indexOf, sameDims } from '../shapes.js';

/** One micro-step that copies one element of any type as it is, except that every NaN becomes the canonical one. */
export function movement(name: string, code: number, rules: { check(d: Descriptor): void; source(d: Descriptor, element: number): OperandElement }): Operator {
  return {
    name,
    code,
    check: rules.check,
    steps: () => 1,
    operands: (d: Descriptor, { element }: StepAt) => [rules.source(d, element)],
    apply: (d, _at, _state, [word]) => (d.output.dtype === 'float32' ? BigInt(f32Canonical(Number(word))) : word!),
  };
}

/** The same elements in the same order under another shape; also what Flatten, Squeeze, Unsqueeze, Identity and Dropout come to. */
export const reshape = movement('Reshape', 64, {
  check(d) {
    checkForm(d, { operands: 1, attributes: 0 });
    expect(elementCount(operand(d, 0).dims) === elementCount(d.output.dims), 'output and operand differ in their number of elements');
  },
  source: (_, element) => ({ slot: 0, element }),
});

export interface TransposeAttributes {
  /** Output axis i is input axis permutation[i]. */
  readonly permutation: readonly number[];
}

export function transposeAttributes({ permutation }: TransposeAttributes): bigint[] {
  return permutation.map(BigInt);
}

/** The same elements with the axes in another order. */
export const transpose = movement('Transpose', 65, {
  check(d) {
    const input = d.operands[0]?.dims ?? [];
    checkForm(d, { operands: 1, attributes: input.length });
    const permutation = input.map((_, axis) => checkedAttribute(d, axis, 0, input.length - 1));
    expect(new Set(permutation).size === input.length, 'the permutation repeats an axis');
    expect(sameDims(d.output.dims, permutation.map((axis) => input[axis]!)), 'output has another shape than the transpose');
  },
  source(d, element) {
    const input = operand(d, 0).dims;
    const coordinates = new Array<number>(input.length);
    coordinatesOf(element, d.output.dims).forEach((coordinate, axis) => (coordinates[attribute(d, axis)] = coordinate));
    return { slot: 0, element: indexOf(coordinates, input) };
  },
});

export interface ConcatAttributes {
  readonly axis: number;
}

export function concatAttributes({ axis }: ConcatAttributes): bigint[] {
  return [BigInt(axis)];
}

/** Operands one after the other along one axis. */
export const concat = movement('Concat', 66, {
  check(d) {
    checkForm(d, { operands: [1, MAX_OPERANDS], attributes: 1 });
    const { dims } = d.output;
    const axis = checkedAttribute(d, 0, 0, dims.length - 1);
    for (const part of d.operands) {
      expect(part.dims.length === dims.length && sameDims(part.dims.with(axis, 0), dims.with(axis, 0)), 'a part differs from the output off the joined axis');
    }
    expect(d.operands.reduce((sum, part) => sum + part.dims[axis]!, 0) === dims[axis], 'the parts do not add up to the output');
  },
  source(d, element) {
    const axis = attribute(d, 0);
    const coordinates = coordinatesOf(element, d.output.dims);
    let [slot, at] = [0, coordinates[axis]!];
    while (at >= operand(d, slot).dims[axis]!) at -= operand(d, slot++).dims[axis]!;
    return { slot, element: indexOf(coordinates.with(axis, at), operand(d, slot).dims) };
  },
});

export interface SliceAttributes {
  /** First element, per axis. How many are kept follows from the output. */
  readonly starts: readonly number[];
  /** At least 1, per axis. */
  readonly steps: readonly number[];
}

export function sliceAttributes({ starts, steps }: SliceAttributes): bigint[] {
  return [...starts, ...steps].map(BigInt);
}

/** Every so manieth element from a start along each axis, forwards. */
export const slice = movement('Slice', 67, {
  check(d) {
    const input = d.operands[0]?.dims ?? [];
    const { dims } = d.output;
    checkForm(d, { operands: 1, attributes: 2 * input.length });
    expect(dims.length === input.length, 'output and operand differ in rank');
    input.forEach((size, axis) => {
      const start = checkedAttribute(d, axis, 0);
      const step = checkedAttribute(d, input.length + axis, 1);
      expect(dims[axis] === 0 || start + (dims[axis]! - 1) * step < size, `the slice leaves axis ${axis}`);
    });
  },
  source(d, element) {
    const input = operand(d, 0).dims;
    const coordinates = coordinatesOf(element, d.output.dims).map((at, axis) => attribute(d, axis) + at * attribute(d, input.length + axis));
    return { slot: 0, element: indexOf(coordinates, input) };
  },
});
