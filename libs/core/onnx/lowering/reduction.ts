import { arithmetic, exp } from '../canonical/arithmetic.js';
import { naturalLogarithm } from '../canonical/logarithm.js';
import { reshape, transpose } from '../canonical/movement.js';
import { meanRows, position, reduceMax, reduceMin, sumRows } from '../canonical/reduction.js';
import { unary } from '../canonical/unary.js';
import type { GraphBuilder, Value } from '../graph.js';
import { numberInput } from './elementwise.js';
import type { Lowering, NodeView } from './node.js';

/** The axes to reduce, in order; all of them if the node names none. Empty if it asks for nothing to be done then. */
function axesOf(view: NodeView, rank: number): number[] {
  const named = view.constantInts(1) ?? view.ints('axes') ?? [];
  if (named.length === 0) return view.int('noop_with_empty_axes', 0) === 0 ? Array.from({ length: rank }, (_, i) => i) : [];
  view.int('noop_with_empty_axes', 0);
  const axes = [...new Set(named.map((axis) => view.axis(axis, rank)))];
  return axes.sort((a, b) => a - b);
}

/** The reduced value under the shape that the node gives: reduced axes with size 1, or gone. */
function shaped(view: NodeView, reduced: Value, { dims, axes }: { dims: readonly number[]; axes: readonly number[] }): Value {
  const kept = dims.map((size, axis) => (axes.includes(axis) ? 1 : size));
  return reshape(view.graph, reduced, view.int('keepdims', 1) === 1 ? kept : kept.filter((_, axis) => !axes.includes(axis)));
}

/** Axis by axis, each staying with size 1. */
export const lowerReduceExtreme = (largest: boolean): Lowering => (view) => {
  const x = ['int8', 'uint8'].includes(view.input(0).dtype) ? view.input(0) : numberInput(view, 0);
  const axes = axesOf(view, x.dims.length);
  const reduced = axes.reduce((value, axis) => (largest ? reduceMax : reduceMin)(view.graph, value, axis), x);
  return [shaped(view, reduced, { dims: x.dims, axes })];
};

export const lowerPosition = (operator: 'ArgMax' | 'ArgMin'): Lowering => (view) => {
  const x = view.input(0);
  if (!['float32', 'int32', 'int8', 'uint8'].includes(x.dtype)) view.refuse(`input 0 is ${x.dtype}, float32, int32, int8 and uint8 are supported`);
  const axis = view.axis(view.int('axis', 0), x.dims.length);
  const found = position(view.graph, operator, x, { axis, last: view.int('select_last_index', 0) !== 0 });
  return [shaped(view, found, { dims: x.dims, axes: [axis] })];
};

/** x with the axes to reduce brought to the end, as one row for each element that remains. */
function rowsOver(graph: GraphBuilder, x: Value, axes: readonly number[]): Value {
  const rank = x.dims.length;
  if (rank > 1 && axes.length === 1 && axes[0] === rank - 1) return x;
  const remaining = x.dims.flatMap((_, axis) => (axes.includes(axis) ? [] : [axis]));
  const order = [...remaining, ...axes];
  const turned = order.every((axis, i) => axis === i) ? x : transpose(graph, x, order);
  return reshape(graph, turned, [sizeOf(x, remaining), sizeOf(x, axes)]);
}

function sizeOf({ dims }: Value, axes: readonly number[]): number {
  return axes.reduce((size, axis) => size * dims[axis]!, 1);
}

interface SumReduction {
  before?(graph: GraphBuilder, x: Value): Value;
  reduced?(graph: GraphBuilder, rows: Value): Value;
  after?(graph: GraphBuilder, sum: Value): Value;
}

/** A sum of what `before` makes of the elements, finished by `after`. */
const lowerSumReduction = ({ before = (_, x) => x, reduced = sumRows, after = (_, sum) => sum }: SumReduction): Lowering => (view) => {
  const x = view.floatInput(0);
  const axes = axesOf(view, x.dims.length);
  if (axes.length === 0) return [x];
  const sum = reduced(view.graph, rowsOver(view.graph, before(view.graph, x), axes));
  return [shaped(view, after(view.graph, sum), { dims: x.dims, axes })];
};

const squared = (graph: GraphBuilder, x: Value): Value => arithmetic(graph, 'Mul', [x, x]);

export const lowerReduceSum = lowerSumReduction({});
export const lowerReduceMean = lowerSumReduction({ reduced: meanRows });
export const lowerReduceSumSquare = lowerSumReduction({ before: squared });
export const lowerReduceL1 = lowerSumReduction({ before: (graph, x) => unary(graph, 'Abs', x) });
export const lowerReduceL2 = lowerSumReduction({ before: squared, after: (graph, sum) => unary(graph, 'Sqrt', sum) });
export const lowerReduceLogSum = lowerSumReduction({ after: (graph, sum) => naturalLogarithm(graph, sum) });

/** m + ln Σ e^(x − m), where m is the largest. */
export const lowerReduceLogSumExp: Lowering = (view) => {
  const x = view.floatInput(0);
  const axes = axesOf(view, x.dims.length);
  if (axes.length === 0) return [x];
  const largest = axes.reduce((value, axis) => reduceMax(view.graph, value, axis), x);
  const sum = sumRows(view.graph, rowsOver(view.graph, exp(view.graph, arithmetic(view.graph, 'Sub', [x, largest])), axes));
  const result = arithmetic(view.graph, 'Add', [reshape(view.graph, largest, sum.dims), naturalLogarithm(view.graph, sum)]);
  return [shaped(view, result, { dims: x.dims, axes })];
};
