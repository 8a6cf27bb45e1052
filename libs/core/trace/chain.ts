import type { Descriptor, Operator } from '#core/numerics';

/** Micro-steps of one element that anyone computes in one go; above every descriptor's count. */
export const MAX_STEPS = 2 ** 24;

export interface ElementOf {
  readonly element: number;
  /** Word of an operand's element. */
  readonly read: (slot: number, element: number) => bigint;
}

/** The state after each micro-step of one output element, by the reference semantics. */
export function chainOfStates(operator: Operator, d: Descriptor, { element, read }: ElementOf): bigint[] {
  const count = operator.steps(d);
  if (count > MAX_STEPS) throw new RangeError(`${count} micro-steps are more than ${MAX_STEPS}`);
  const states: bigint[] = [];
  let state = 0n;
  for (let step = 0; step < count; step++) {
    const at = { element, step };
    state = operator.apply(d, at, state, operator.operands(d, at, state).map((o) => read(o.slot, o.element)));
    states.push(state);
  }
  return states;
}
