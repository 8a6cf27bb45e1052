import type { Dtype } from '#core/hashing';
import type { Descriptor, OperandRef } from './descriptor.js';

/** What an operator's descriptor has: how many operands and attributes, and of which type its tensors are. */
export interface Form {
  readonly operands: number | readonly [number, number];
  readonly attributes: number;
  /** Type of the output and of every operand; left out where any will do, as long as it is the same. */
  readonly dtype?: Dtype;
}

/** Throws RangeError unless the descriptor has the form. Every operator built so far has one output. */
export function checkForm(d: Descriptor, form: Form): void {
  const [least, most] = typeof form.operands === 'number' ? [form.operands, form.operands] : form.operands;
  expect(d.outputIndex === 0, `output ${d.outputIndex} of an operator with one output`);
  expect(d.operands.length >= least && d.operands.length <= most, `${d.operands.length} operands, not ${least}${most > least ? ` to ${most}` : ''}`);
  expect(d.attributes.length === form.attributes, `${d.attributes.length} attributes, not ${form.attributes}`);
  expect(!form.dtype || d.output.dtype === form.dtype, `output of type ${d.output.dtype}, not ${form.dtype}`);
  for (const operand of d.operands) expect(operand.dtype === d.output.dtype, `operand of type ${operand.dtype} for an output of type ${d.output.dtype}`);
}

/** Throws RangeError with `reason` unless `condition` holds. */
export function expect(condition: boolean, reason: string): asserts condition {
  if (!condition) throw new RangeError(reason);
}

/** Largest size or offset that an attribute may hold: tensors have uint32 sizes. */
const MAX_ATTRIBUTE = 2n ** 32n - 1n;

/** Attribute `at` as a number; throws RangeError outside [least, most]. */
export function checkedAttribute(d: Descriptor, at: number, least: number, most: number | bigint = MAX_ATTRIBUTE): number {
  const value = d.attributes[at]!;
  expect(value >= BigInt(least) && value <= BigInt(most), `attribute ${at} is ${value}, not ${least} to ${most}`);
  return Number(value);
}

/** Attribute `at` of a descriptor that has passed its check. */
export function attribute(d: Descriptor, at: number): number {
  return Number(d.attributes[at]!);
}

/** Operand `slot` of a descriptor that has passed its check. */
export function operand(d: Descriptor, slot: number): OperandRef {
  return d.operands[slot]!;
}
