import { elementCount, type Tensor } from '#core/hashing';
import { arithmetic } from '../canonical/arithmetic.js';
import { broadcastDims } from '../canonical/broadcast.js';
import { floatsOf, isConstantWhere } from '../canonical/constants.js';
import { cast, not, predicate, where, type Branches, type Predicate } from '../canonical/logic.js';
import type { ConstantValue, GraphBuilder, Value } from '../graph.js';
import { dtypeOf } from '../proto/tensor.js';
import type { Lowering, NodeView } from './node.js';

const COMPARED: readonly string[] = ['float32', 'int32', 'int64'];

/** Both inputs in a type that is compared; narrow integers are widened. */
function comparedInputs(view: NodeView, alsoBool: boolean): [Value, Value] {
  const [a, b] = [view.input(0), view.input(1)];
  if (a.dtype !== b.dtype) view.refuse(`its inputs are ${a.dtype} and ${b.dtype}, the same type is expected`);
  if (COMPARED.includes(a.dtype) || (alsoBool && a.dtype === 'bool')) return [a, b];
  if (a.dtype === 'bool') return view.refuse('bool is not compared by size');
  return [cast(view.graph, a, 'int32'), cast(view.graph, b, 'int32')];
}

/** a > b is b < a. */
export const lowerComparison = (operator: 'Less' | 'LessOrEqual', swapped = false): Lowering => (view) => {
  const [a, b] = comparedInputs(view, false);
  return [predicate(view.graph, operator, swapped ? [b, a] : [a, b])];
};

export const lowerEqual: Lowering = (view) => [predicate(view.graph, 'Equal', comparedInputs(view, true))];

function boolInput(view: NodeView, index: number): Value {
  const value = view.input(index);
  return value.dtype === 'bool' ? value : view.refuse(`input ${index} is ${value.dtype}, bool is expected`);
}

export const lowerLogic = (operator: Predicate): Lowering => (view) => [predicate(view.graph, operator, [boolInput(view, 0), boolInput(view, 1)])];

export const lowerNot: Lowering = (view) => [not(view.graph, boolInput(view, 0))];

/** A choice element by element; of bools by logic, of int8 by way of int32, as the runtime chooses neither. */
export const lowerWhere: Lowering = (view) => {
  const { graph } = view;
  const [condition, then, otherwise] = [boolInput(view, 0), view.input(1), view.input(2)];
  if (then.dtype !== otherwise.dtype) view.refuse(`its branches are ${then.dtype} and ${otherwise.dtype}, the same type is expected`);
  if (then.dtype === 'bool') {
    const [yes, no] = [predicate(graph, 'And', [condition, then]), predicate(graph, 'And', [not(graph, condition), otherwise])];
    return [predicate(graph, 'Or', [yes, no])];
  }
  if (then.dtype !== 'int8') return [masked(graph, { condition, then, otherwise }) ?? where(graph, { condition, then, otherwise })];
  return [cast(graph, where(graph, { condition, then: cast(graph, then, 'int32'), otherwise: cast(graph, otherwise, 'int32') }), 'int8')];
};

/**
 * Bounded numbers with a lower one in constant places, as attention hides what is to come: their minimum with a constant
 * that is above all of them elsewhere.
 */
function masked(graph: GraphBuilder, { condition, then, otherwise }: Branches): Value | undefined {
  const [x, low] = then.kind === 'constant' ? [otherwise, then] : [then, otherwise];
  if (condition.kind !== 'constant' || !isConstantWhere(low, (element) => element < -x.largest) || elementCount(low.dims) !== 1) return undefined;
  if ([condition, low].some(({ dims }) => broadcastDims(dims, x.dims).join() !== x.dims.join())) return undefined;
  const [least] = floatsOf((low as ConstantValue).tensor) as [number];
  const { tensor } = condition;
  const mask = (): Tensor => ({ dtype: 'float32', dims: tensor.dims, data: new Uint8Array(Float32Array.from(tensor.data, (byte) => ((byte !== 0) === (low === then) ? least : Infinity)).buffer) });
  return arithmetic(graph, 'Min', [x, graph.sharedConstant(`${low === then} ${least}`, mask, tensor)]);
}

export const lowerCast: Lowering = (view) => {
  const code = view.int('to', 0);
  view.int('saturate', 1);
  const dtype = dtypeOf(code);
  return [cast(view.graph, view.input(0), dtype ?? view.refuse(`attribute to is element type ${code}, which is not supported`))];
};

/** Only NaN differs from itself. */
export const lowerIsNaN: Lowering = (view) => {
  const x = view.floatInput(0);
  return [not(view.graph, predicate(view.graph, 'Equal', [x, x]))];
};
