import type { Dtype } from '#core/hashing';
import { attribute, checkedAttribute, expect, operand } from '../checks.js';
import type { Descriptor } from '../descriptor.js';
import { f32Canonical } from '../float32.js';
import type { OperandElement, Operator } from '../operator.js';
import { coordinatesOf, elementCount, indexOf, sameDims } from '../shapes.js';

export interface GatherAttributes {
  /** The axis of the data that indices count along. */
  readonly axis: number;
}

/** Of Gather and of GatherElements. */
export function gatherAttributes({ axis }: GatherAttributes): bigint[] {
  return [BigInt(axis)];
}

const [DATA, INDICES] = [0, 1];

interface Rules {
  checkShape(d: Descriptor, axis: number): void;
  /** Which index element an output element asks. */
  indexElement(d: Descriptor, element: number): number;
  /** Coordinates in the data, the one along the axis still open. */
  coordinates(d: Descriptor, element: number): number[];
}

/**
 * Two micro-steps: one reads an index and makes the place in the data of it, one copies the element there.
 * Negative indices count from the end. What lies outside the axis counts as its nearest end: ONNX Runtime refuses to run
 * on such an index, so the compiler clamps indices that come from the model's inputs before they get here.
 */
function gathering(name: string, code: number, rules: Rules): Operator {
  return {
    name,
    code,
    check(d) {
      checkOperands(d);
      const axis = checkedAttribute(d, 0, 0, operand(d, DATA).dims.length - 1);
      expect(operand(d, DATA).dims[axis]! >= 1, 'there is nothing to gather from');
      rules.checkShape(d, axis);
    },
    steps: () => 2,
    operands(d, { element, step }, state): OperandElement[] {
      if (step === 0) return [{ slot: INDICES, element: rules.indexElement(d, element) }];
      return [{ slot: DATA, element: Math.min(Number(state), elementCount(operand(d, DATA).dims) - 1) }];
    },
    apply(d, { element, step }, _state, [word]) {
      if (step === 1) return d.output.dtype === 'float32' ? BigInt(f32Canonical(Number(word))) : word!;
      const { dims } = operand(d, DATA);
      const axis = attribute(d, 0);
      return BigInt(indexOf(rules.coordinates(d, element).with(axis, resolved(word!, operand(d, INDICES).dtype, dims[axis]!)), dims));
    },
  };
}

function resolved(word: bigint, dtype: Dtype, size: number): number {
  const index = BigInt.asIntN(dtype === 'int32' ? 32 : 64, word);
  const counted = index < 0n ? index + BigInt(size) : index;
  return counted < 0n ? 0 : counted >= BigInt(size) ? size - 1 : Number(counted);
}

function checkOperands(d: Descriptor): void {
  expect(d.outputIndex === 0 && d.operands.length === 2 && d.attributes.length === 1, 'gathering takes data, indices and one axis');
  expect(operand(d, DATA).dtype === d.output.dtype, 'output and data differ in type');
  expect(['int32', 'int64'].includes(operand(d, INDICES).dtype), `indices of type ${operand(d, INDICES).dtype}`);
}

/** Slices of the data that indices name along one axis: a micro-step turns the index into a place, the next copies. A negative index counts from the end, one beyond an end is that end. Output axis `axis` is replaced by the axes of the indices. */
export const gather = gathering('Gather', 68, {
  checkShape(d, axis) {
    const [data, indices] = [operand(d, DATA).dims, operand(d, INDICES).dims];
    expect(sameDims(d.output.dims, [...data.slice(0, axis), ...indices, ...data.slice(axis + 1)]), 'output has another shape than the gathering');
  },
  indexElement(d, element) {
    const { inner, count } = gatherParts(d);
    return Math.floor(element / inner) % count;
  },
  coordinates(d, element) {
    const { inner, count } = gatherParts(d);
    const { dims } = operand(d, DATA);
    const axis = attribute(d, 0);
    const outer = coordinatesOf(Math.floor(element / inner / count), dims.slice(0, axis));
    return [...outer, 0, ...coordinatesOf(element % inner, dims.slice(axis + 1))];
  },
});

/** Elements per index, and number of indices. */
function gatherParts(d: Descriptor): { inner: number; count: number } {
  return { inner: elementCount(operand(d, DATA).dims.slice(attribute(d, 0) + 1)), count: elementCount(operand(d, INDICES).dims) };
}

/** Elements that indices name along one axis, as Gather. The output has the shape of the indices; off the axis each element keeps its place. */
export const gatherElements = gathering('GatherElements', 69, {
  checkShape(d, axis) {
    const [data, indices] = [operand(d, DATA).dims, operand(d, INDICES).dims];
    expect(sameDims(d.output.dims, indices), 'output and indices differ in shape');
    expect(data.length === indices.length && indices.every((size, i) => i === axis || size <= data[i]!), 'indices reach beyond the data off the axis');
  },
  indexElement: (_, element) => element,
  coordinates: (d, element) => coordinatesOf(element, d.output.dims),
});
