import type { Descriptor } from './descriptor.js';

/** One output element and the micro-step inside its computation. */
export interface StepAt {
  /** Row-major index of the output element. */
  readonly element: number;
  /** 0 ≤ step < steps(descriptor). */
  readonly step: number;
}

/** An operand element that a micro-step reads. */
export interface OperandElement {
  /** Index into descriptor.operands. */
  readonly slot: number;
  /** Row-major index of the element in that operand. */
  readonly element: number;
}

/**
 * The meaning of one operator, element by element. An output element is the last state of a chain of micro-steps
 * over one unsigned 64-bit word that starts at 0; reductions use the low half for the running total and the high
 * half for the running block. The last state IS the element's word (zero-extended, see elementWord).
 * The same four functions exist in Solidity (contracts/src/operators) and agree bit for bit.
 * INVARIANT: total — no descriptor that passes `check`, no index in range and no operand words make a function throw.
 */
export interface Operator {
  /** Canonical operator name: the ONNX name where the semantics is ONNX's. */
  readonly name: string;
  /** Byte in the descriptor; frozen once released. */
  readonly code: number;
  /** Throws RangeError with the reason if the descriptor's operands, attributes and output do not fit together. */
  check(d: Descriptor): void;
  /** Number of micro-steps per element, ≥ 1; the same for every element of the output. */
  steps(d: Descriptor): number;
  /**
   * What micro-step `at` reads, in the order `apply` expects; empty where only padding is read. Where it depends on words
   * read before (an index), it follows from `state`, the state before the micro-step.
   */
  operands(d: Descriptor, at: StepAt, state: bigint): OperandElement[];
  /** The state after the micro-step. `words` are the operand elements' words. */
  apply(d: Descriptor, at: StepAt, state: bigint, words: readonly bigint[]): bigint;
}
