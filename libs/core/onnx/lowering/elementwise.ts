import { arithmetic, exp, relu, type Arithmetic } from '../canonical/arithmetic.js';
import type { Lowering } from './node.js';

export const lowerArithmetic = (operator: Arithmetic): Lowering => (view) => [arithmetic(view.graph, operator, [view.floatInput(0), view.floatInput(1)])];

export const lowerRelu: Lowering = (view) => [relu(view.graph, view.floatInput(0))];

/** The canonical form of Relu; other thresholds have none. */
export const lowerThresholdedRelu: Lowering = (view) => {
  if (view.float('alpha', 1) !== 0) view.refuse('only alpha 0 is supported');
  return [relu(view.graph, view.floatInput(0))];
};

export const lowerExp: Lowering = (view) => [exp(view.graph, view.floatInput(0))];
