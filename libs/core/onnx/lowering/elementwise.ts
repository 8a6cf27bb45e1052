import { arithmetic, exp, relu, withoutNaNAndNegativeZero, type Arithmetic } from '../canonical/arithmetic.js';
import type { Value } from '../graph.js';
import type { Lowering } from './node.js';

export const lowerArithmetic = (operator: Arithmetic): Lowering => (view) => [arithmetic(view.graph, operator, [view.floatInput(0), view.floatInput(1)])];

/** Max of two; where one side can be −0 and the other a zero, ONNX Runtime answers by lane, so both are cleared of it. */
export const lowerMax: Lowering = (view) => {
  if (view.inputCount !== 2) view.refuse(`it has ${view.inputCount} inputs, only two are supported`);
  const [a, b] = [view.floatInput(0), view.floatInput(1)];
  const clear = (x: Value): Value => withoutNaNAndNegativeZero(view.graph, x);
  const harmless = a.facts.neverNegativeZero && b.facts.neverNegativeZero;
  return [arithmetic(view.graph, 'Max', harmless ? [a, b] : [clear(a), clear(b)])];
};

export const lowerRelu: Lowering = (view) => [relu(view.graph, view.floatInput(0))];

/** The canonical form of Relu; other thresholds have none. */
export const lowerThresholdedRelu: Lowering = (view) => {
  if (view.float('alpha', 1) !== 0) view.refuse('only alpha 0 is supported');
  return [relu(view.graph, view.floatInput(0))];
};

export const lowerExp: Lowering = (view) => [exp(view.graph, view.floatInput(0))];
