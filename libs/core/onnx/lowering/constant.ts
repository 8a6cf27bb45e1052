import { filled, int64List } from '../canonical/tensors.js';
import type { Lowering } from './node.js';

export const lowerConstant: Lowering = (view) => {
  const tensor = view.tensor('value');
  if (tensor) return [view.graph.constant(tensor)];
  const ints = view.ints('value_ints');
  if (ints) return [view.graph.constant(int64List(ints))];
  const float = view.float('value_float', NaN);
  if (!Number.isNaN(float)) return [view.graph.constant(filled([], float))];
  return view.refuse('only the attributes value, value_ints and value_float are supported');
};

/** The shape is static, so it is a constant. */
export const lowerShape: Lowering = (view) => {
  const { dims } = view.input(0);
  const rank = dims.length;
  const bound = (value: number): number => Math.min(Math.max(value < 0 ? value + rank : value, 0), rank);
  return [view.graph.constant(int64List(dims.slice(bound(view.int('start', 0)), bound(view.int('end', rank)))))];
};
