import { arithmetic } from '../canonical/arithmetic.js';
import { matMul } from '../canonical/matmul.js';
import { transpose } from '../canonical/movement.js';
import { filled } from '../canonical/tensors.js';
import type { Value } from '../graph.js';
import type { Lowering, NodeView } from './node.js';

export const lowerMatMul: Lowering = (view) => [matMul(view.graph, view.floatInput(0), view.floatInput(1))];

/** alpha·A·B + beta·C as product, scaling and addition; the transpositions of constants are folded. */
export const lowerGemm: Lowering = (view) => {
  const a = oriented(view, 0, 'transA');
  const b = oriented(view, 1, 'transB');
  const [alpha, beta] = [view.float('alpha', 1), view.float('beta', 1)];
  const product = scaled(view, matMul(view.graph, a, b), alpha);
  const c = view.optionalInput(2) && view.floatInput(2);
  return [c && beta !== 0 ? arithmetic(view.graph, 'Add', [product, scaled(view, c, beta)]) : product];
};

function oriented(view: NodeView, index: number, flag: string): Value {
  const value = view.floatInput(index);
  if (value.dims.length !== 2) view.refuse(`input ${index} has shape [${value.dims}], a matrix is expected`);
  return view.int(flag, 0) === 0 ? value : transpose(view.graph, value, [1, 0]);
}

function scaled(view: NodeView, value: Value, factor: number): Value {
  if (factor === 1) return value;
  return arithmetic(view.graph, 'Mul', [value, view.graph.sharedConstant(`scalar ${factor}`, () => filled([], factor))]);
}
