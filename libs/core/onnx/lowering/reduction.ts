import { reduceMax } from '../canonical/reduction.js';
import { reshape } from '../canonical/movement.js';
import type { Lowering } from './node.js';

/** ReduceMax over the last axis. */
export const lowerReduceMax: Lowering = (view) => {
  const x = view.floatInput(0);
  const rank = x.dims.length;
  const axes = (view.constantInts(1) ?? view.ints('axes') ?? x.dims.map((_, i) => i)).map((axis) => view.axis(axis, rank));
  if (axes.length !== 1 || axes[0] !== rank - 1) view.refuse(`axes [${axes}] are not supported, only the last one is`);
  const reduced = reduceMax(view.graph, x);
  return [view.int('keepdims', 1) === 1 ? reduced : reshape(view.graph, reduced, x.dims.slice(0, -1))];
};
