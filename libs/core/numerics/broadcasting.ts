import type { Dtype, TensorHeader } from '#core/hashing';
import { expect } from './checks.js';
import type { Descriptor } from './descriptor.js';
import type { OperandElement, StepAt } from './operator.js';
import { broadcastIndex, broadcastsTo } from './shapes.js';

/** Throws RangeError unless every tensor has one of the types. */
export function checkTypes(tensors: readonly TensorHeader[], types: readonly Dtype[]): void {
  for (const { dtype } of tensors) expect(types.includes(dtype), `type ${dtype}, not ${types.join(' or ')}`);
}

/** Throws RangeError unless the operands broadcast, numpy-style, to exactly the output's shape. */
export function checkBroadcast({ operands, output }: Descriptor): void {
  const rank = Math.max(...operands.map(({ dims }) => dims.length));
  expect(output.dims.length === rank && operands.every(({ dims }) => broadcastsTo(dims, output.dims)), 'operands do not broadcast to the output');
  const justified = output.dims.every((size, axis) => size === 1 || operands.some(({ dims }) => dims.at(axis - rank) === size));
  expect(justified, 'the output is larger than its operands make it');
}

/** The element of each operand that broadcasting reads. */
export function broadcastOperands({ operands, output }: Descriptor, { element }: StepAt): OperandElement[] {
  return operands.map(({ dims }, slot) => ({ slot, element: broadcastIndex(element, output.dims, dims) }));
}
