import { arithmetic, exp, withoutNaNAndNegativeZero } from '../canonical/arithmetic.js';
import { naturalLogarithm } from '../canonical/logarithm.js';
import { reshape, transpose } from '../canonical/movement.js';
import { reduceMax, sumRows } from '../canonical/reduction.js';
import type { GraphBuilder, Value } from '../graph.js';
import type { Lowering, NodeView } from './node.js';

/** What becomes of each row of a matrix or a stack of them. */
type Rows = (graph: GraphBuilder, x: Value) => Value;

/** Softmax as maximum, difference, Exp, sum and quotient. Before operator set 13 it runs over all axes from `axis` on. */
export const lowerSoftmax: Lowering = (view) => [overRows(view, softmaxRows)];

/** As Softmax, with a logarithm of the sums instead of the quotient. */
export const lowerLogSoftmax: Lowering = (view) => [overRows(view, logSoftmaxRows)];

function overRows(view: NodeView, rows: Rows): Value {
  const x = view.floatInput(0);
  const rank = x.dims.length;
  const axis = view.axis(view.int('axis', view.opset < 13 ? 1 : -1), rank, { inclusive: view.opset < 13 });
  const width = (axes: readonly number[]): number => axes.reduce((a, b) => a * b, 1);
  const around = (value: Value, matrix: readonly number[]): Value => reshape(view.graph, rows(view.graph, reshape(view.graph, value, matrix)), value.dims);
  if (view.opset < 13) return around(x, [width(x.dims.slice(0, axis)), width(x.dims.slice(axis))]);
  if (axis === rank - 1) return rank === 1 ? around(x, [1, x.dims[0]!]) : rows(view.graph, x);
  const swap = x.dims.map((_, i) => (i === axis ? rank - 1 : i === rank - 1 ? axis : i));
  const turned = transpose(view.graph, x, swap);
  return transpose(view.graph, rows(view.graph, turned), swap);
}

function softmaxRows(graph: GraphBuilder, source: Value): Value {
  const x = withoutNaNAndNegativeZero(graph, source);
  const powers = exp(graph, arithmetic(graph, 'Sub', [x, reduceMax(graph, x)]));
  return arithmetic(graph, 'Div', [powers, sumRows(graph, powers)]);
}

function logSoftmaxRows(graph: GraphBuilder, source: Value): Value {
  const x = withoutNaNAndNegativeZero(graph, source);
  const centred = arithmetic(graph, 'Sub', [x, reduceMax(graph, x)]);
  return arithmetic(graph, 'Sub', [centred, naturalLogarithm(graph, sumRows(graph, exp(graph, centred)))]);
}
