import { arithmetic, exp, withoutNaNAndNegativeZero } from '../canonical/arithmetic.js';
import { reshape, transpose } from '../canonical/movement.js';
import { reduceMax, sumRows } from '../canonical/reduction.js';
import type { GraphBuilder, Value } from '../graph.js';
import type { Lowering } from './node.js';

/** Softmax as maximum, difference, Exp, sum and quotient. Before operator set 13 it runs over all axes from `axis` on. */
export const lowerSoftmax: Lowering = (view) => {
  const x = view.floatInput(0);
  const rank = x.dims.length;
  const axis = view.axis(view.int('axis', view.opset < 13 ? 1 : -1), rank, { inclusive: view.opset < 13 });
  const width = (axes: readonly number[]): number => axes.reduce((a, b) => a * b, 1);
  if (view.opset < 13) return [reshapeAround(view.graph, x, [width(x.dims.slice(0, axis)), width(x.dims.slice(axis))])];
  if (axis === rank - 1) return [reshapeAround(view.graph, x, [width(x.dims.slice(0, -1)), x.dims.at(-1)!])];
  const swap = x.dims.map((_, i) => (i === axis ? rank - 1 : i === rank - 1 ? axis : i));
  const turned = transpose(view.graph, x, swap);
  return [transpose(view.graph, reshapeAround(view.graph, turned, [width(turned.dims.slice(0, -1)), turned.dims.at(-1)!]), swap)];
};

function reshapeAround(graph: GraphBuilder, x: Value, matrix: readonly number[]): Value {
  return reshape(graph, softmaxRows(graph, reshape(graph, x, matrix)), x.dims);
}

function softmaxRows(graph: GraphBuilder, source: Value): Value {
  const x = withoutNaNAndNegativeZero(graph, source);
  const powers = exp(graph, arithmetic(graph, 'Sub', [x, reduceMax(graph, x)]));
  return arithmetic(graph, 'Div', [powers, sumRows(graph, powers)]);
}
