import { arithmetic, withoutNaNAndNegativeZero } from '../canonical/arithmetic.js';
import { scalar } from '../canonical/constants.js';
import { gatherElements } from '../canonical/indexing.js';
import { predicate, where } from '../canonical/logic.js';
import { concat } from '../canonical/movement.js';
import { position } from '../canonical/reduction.js';
import { int64List } from '../canonical/tensors.js';
import type { GraphBuilder, Value } from '../graph.js';
import type { Lowering } from './node.js';

/** Each of them goes through all elements of the axis. */
const MOST = 64;
const LARGEST_FLOAT = (2 - 2 ** -23) * 2 ** 127;

/**
 * The k largest or smallest along an axis, one after the other: where the best is, what it is, and all else again. Of equal
 * ones the first, as ONNX Runtime does; infinities at the far end count as the finite number next to them while ranked.
 */
export const lowerTopK: Lowering = (view) => {
  const x = withoutNaNAndNegativeZero(view.graph, view.floatInput(0));
  const axis = view.axis(view.int('axis', -1), x.dims.length);
  const [count] = view.constantInts(1) ?? [view.int('k', 0)];
  const largest = view.int('largest', 1) !== 0;
  view.int('sorted', 1);
  if (count === undefined || count < 1 || count > MOST || count > x.dims[axis]!) return view.refuse(`k is ${count}, 1 to ${Math.min(MOST, x.dims[axis]!)} are supported here`);
  const places = bestPlaces(view.graph, x, { axis, count, largest });
  const indices = concat(view.graph, places, axis);
  return [gatherElements(view.graph, x, { indices, axis }), indices];
};

function bestPlaces(graph: GraphBuilder, x: Value, { axis, count, largest }: { axis: number; count: number; largest: boolean }): Value[] {
  const numbers = graph.constant({ ...int64List([...Array(x.dims[axis]!).keys()]), dims: [x.dims[axis]!, ...x.dims.slice(axis + 1).map(() => 1)] });
  const far = scalar(graph, largest ? -Infinity : Infinity);
  let rest = arithmetic(graph, largest ? 'Max' : 'Min', [x, scalar(graph, largest ? -LARGEST_FLOAT : LARGEST_FLOAT)]);
  return Array.from({ length: count }, (_, i) => {
    const best = position(graph, largest ? 'ArgMax' : 'ArgMin', rest, { axis, last: false });
    if (i < count - 1) rest = where(graph, { condition: predicate(graph, 'Equal', [numbers, best]), then: far, otherwise: rest });
    return best;
  });
}
