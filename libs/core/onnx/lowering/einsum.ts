import { reshape, transpose } from '../canonical/movement.js';
import { product } from '../canonical/product.js';
import type { GraphBuilder, Value } from '../graph.js';
import type { Lowering, NodeView } from './node.js';

/** A sum of products over named axes, of two operands: both turned to stacks of matrices, their product, and its axes turned to order. */
export const lowerEinsum: Lowering = (view) => {
  if (view.inputCount !== 2) view.refuse(`${view.inputCount} operands, two are supported`, 'Write it as several of two operands each.');
  const [a, b] = [view.floatInput(0), view.floatInput(1)];
  const { left, right, result } = axesOf(view);
  const sizes = sizesOf(view, [[left, a], [right, b]]);
  const kept = (label: string): boolean => result.includes(label);
  const batch = left.filter((label) => right.includes(label) && kept(label));
  const summed = left.filter((label) => right.includes(label) && !kept(label));
  const rows = left.filter((label) => !right.includes(label));
  const columns = right.filter((label) => !left.includes(label));
  const lost = [...rows, ...columns].find((label) => !kept(label));
  if (lost) view.refuse(`axis ${lost} of one operand alone is summed`, 'Sum it with ReduceSum before.');
  const size = (labels: readonly string[]): number => labels.reduce((all, label) => all * sizes.get(label)!, 1);
  const stack = batch.length > 0 ? [size(batch)] : [];
  const turnedLeft = reshape(view.graph, turned(view.graph, a, { from: left, to: [...batch, ...rows, ...summed] }), [...stack, size(rows), size(summed)]);
  const turnedRight = reshape(view.graph, turned(view.graph, b, { from: right, to: [...batch, ...summed, ...columns] }), [...stack, size(summed), size(columns)]);
  const made = [...batch, ...rows, ...columns];
  const shaped = reshape(view.graph, product(view.graph, turnedLeft, turnedRight), made.map((label) => sizes.get(label)!));
  return [turned(view.graph, shaped, { from: made, to: result })];
};

interface Axes {
  readonly left: readonly string[];
  readonly right: readonly string[];
  readonly result: readonly string[];
}

/** Labels of each side; without an arrow the result has those that occur once, in alphabetical order. */
function axesOf(view: NodeView): Axes {
  const equation = view.text('equation', '').replaceAll(' ', '');
  const [, first, second, named] = /^([a-zA-Z]*),([a-zA-Z]*)(?:->([a-zA-Z]*))?$/.exec(equation) ?? [];
  if (first === undefined || second === undefined) return view.refuse(`the equation ${JSON.stringify(equation.slice(0, 80))} is not of two operands with letters for axes`, 'Name every axis: an ellipsis is not supported.');
  const [left, right] = [[...first], [...second]];
  const implied = [...new Set([...left, ...right])].filter((label) => !(left.includes(label) && right.includes(label))).sort();
  const result = named === undefined ? implied : [...named];
  for (const labels of [left, right, result]) if (new Set(labels).size !== labels.length) view.refuse('a diagonal (one label twice in an operand) is not supported');
  const unknown = result.find((label) => !left.includes(label) && !right.includes(label));
  if (unknown) view.refuse(`axis ${unknown} of the result is in no operand`);
  return { left, right, result };
}

function sizesOf(view: NodeView, operands: readonly (readonly [readonly string[], Value])[]): Map<string, number> {
  const sizes = new Map<string, number>();
  for (const [labels, { dims }] of operands) {
    if (labels.length !== dims.length) view.refuse(`shape [${dims}] does not have the axes ${labels.join('')}`);
    labels.forEach((label, axis) => {
      if ((sizes.get(label) ?? dims[axis]) !== dims[axis]) view.refuse(`axis ${label} has sizes ${sizes.get(label)} and ${dims[axis]}`);
      sizes.set(label, dims[axis]!);
    });
  }
  return sizes;
}

function turned(graph: GraphBuilder, x: Value, { from, to }: { from: readonly string[]; to: readonly string[] }): Value {
  return from.every((label, axis) => to[axis] === label) ? x : transpose(graph, x, to.map((label) => from.indexOf(label)));
}
