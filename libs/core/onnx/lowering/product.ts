import { arithmetic } from '../canonical/arithmetic.js';
import { scalar } from '../canonical/constants.js';
import { gemm, isOneMatrix, oriented, product, stacked } from '../canonical/product.js';
import type { Value } from '../graph.js';
import type { Lowering, NodeView } from './node.js';

export const lowerMatMul: Lowering = (view) => [product(view.graph, view.floatInput(0), view.floatInput(1))];

/** The runtime's own product of matrices that may lie transposed; a canonical file holds it where that keeps clear of other kernels. */
export const lowerFusedMatMul: Lowering = (view) => {
  const [a, b] = [view.floatInput(0), view.floatInput(1)];
  const [transA, transB] = [view.int('transA', 0) !== 0, view.int('transB', 0) !== 0];
  if (view.int('transBatchA', 0) !== 0 || view.int('transBatchB', 0) !== 0) view.refuse('transposed stacks are not supported');
  const alpha = view.float('alpha', 1);
  const whole = a.dims.length >= 2 && b.dims.length >= 2 && !(b.kind === 'constant' && isOneMatrix(b));
  const result = whole ? stacked(view.graph, { a, b, transA, transB }) : product(view.graph, sideOf(view, a, transA), sideOf(view, b, transB));
  return [alpha === 1 ? result : arithmetic(view.graph, 'Mul', [result, scalar(view.graph, alpha)])];
};

/** A vector is not transposed, whatever the attribute says. */
function sideOf(view: NodeView, value: Value, transposed: boolean): Value {
  return oriented(view.graph, value, transposed && value.dims.length >= 2);
}

export const lowerGemm: Lowering = (view) => {
  const [a, b] = [matrixInput(view, 0), matrixInput(view, 1)];
  const c = view.optionalInput(2) && view.floatInput(2);
  const [transA, transB] = [view.int('transA', 0) !== 0, view.int('transB', 0) !== 0];
  const [alpha, beta] = [view.float('alpha', 1), view.float('beta', 1)];
  return [gemm(view.graph, { a, b, transA, transB, alpha, beta, ...(c && { c }) })];
};

function matrixInput(view: NodeView, index: number): Value {
  const value = view.floatInput(index);
  if (value.dims.length !== 2) view.refuse(`input ${index} has shape [${value.dims}], a matrix is expected`);
  return value;
}
