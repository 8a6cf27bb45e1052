import type { Descriptor } from './descriptor.js';
import { operatorByCode } from './registry.js';

/** Reads an operand's element as its word (elementWord); the caller knows which tensor a slot stands for. */
export type ReadElement = (slot: number, element: number) => bigint;

/** The state after each micro-step of one output element. */
export function statesOf(d: Descriptor, element: number, read: ReadElement): bigint[] {
  const operator = operatorByCode(d.op);
  let state = 0n;
  return Array.from({ length: operator.steps(d) }, (_, step) => {
    const words = operator.operands(d, { element, step }, state).map((at) => read(at.slot, at.element));
    state = operator.apply(d, { element, step }, state, words);
    return state;
  });
}

/** The word of one output element: the last state of its chain of micro-steps. */
export function evaluateElement(d: Descriptor, element: number, read: ReadElement): bigint {
  const operator = operatorByCode(d.op);
  const steps = operator.steps(d);
  let state = 0n;
  for (let step = 0; step < steps; step++) {
    const words = operator.operands(d, { element, step }, state).map((at) => read(at.slot, at.element));
    state = operator.apply(d, { element, step }, state, words);
  }
  return state;
}
