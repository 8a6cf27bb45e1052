import { gather } from '../canonical/indexing.js';
import { concat, reshape } from '../canonical/movement.js';
import { int64List } from '../canonical/tensors.js';
import type { Value } from '../graph.js';
import type { Lowering, NodeView } from './node.js';

const product = (dims: readonly number[]): number => dims.reduce((a, b) => a * b, 1);

/** Rows of `data`, all axes that a tuple of indices covers made one; the tuples' places in it are known. */
export const lowerGatherND: Lowering = (view) => {
  const [data, indices] = [view.input(0), view.input(1)];
  const batch = view.int('batch_dims', 0);
  const width = indices.dims.at(-1) ?? view.refuse('its indices are a scalar');
  if (batch < 0 || batch >= indices.dims.length || batch + width > data.dims.length) view.refuse(`indices [${indices.dims}] do not fit data [${data.dims}]`);
  const perBatch = product(indices.dims.slice(batch, -1));
  const covered = data.dims.slice(batch, batch + width);
  const places = tuples(view, covered).map((place, i) => Math.floor(i / perBatch) * product(covered) + place);
  const rest = data.dims.slice(batch + width);
  const rows = reshape(view.graph, data, [product(data.dims.slice(0, batch + width)), ...rest]);
  return [reshape(view.graph, gathered(view, rows, places), [...indices.dims.slice(0, -1), ...rest])];
};

export const lowerScatterND: Lowering = (view) => {
  const [data, indices] = [view.input(0), view.input(1)];
  const width = indices.dims.at(-1) ?? view.refuse('its indices are a scalar');
  if (width > data.dims.length) view.refuse(`indices [${indices.dims}] do not fit data [${data.dims}]`);
  return [scattered(view, tuples(view, data.dims.slice(0, width)), data.dims.slice(width))];
};

export const lowerScatterElements: Lowering = (view) => {
  const [data, indices] = [view.input(0), view.input(1)];
  const axis = view.axis(view.int('axis', 0), data.dims.length);
  if (indices.dims.length !== data.dims.length) view.refuse(`indices [${indices.dims}] do not fit data [${data.dims}]`);
  const listed = view.constantInts(1)!;
  const places = listed.map((index, i) => {
    const at = coordinates(i, indices.dims).with(axis, inside(view, index, data.dims[axis]!));
    if (at.some((place, k) => place >= data.dims[k]!)) view.refuse(`indices [${indices.dims}] do not fit data [${data.dims}]`);
    return data.dims.reduce((place, size, k) => place * size + at[k]!, 0);
  });
  return [scattered(view, places, [])];
};

/** Rows of data, those at `places` replaced by the updates, the last one of several: rows of both, taken by a constant table. */
function scattered(view: NodeView, places: readonly number[], rest: readonly number[]): Value {
  const [data, updates] = [view.input(0), view.input(2)];
  if (view.text('reduction', 'none') !== 'none') view.refuse('updates that are combined with what is there are not supported', 'Combine them before: gather, add, and scatter what results.');
  if (updates.dtype !== data.dtype || product(updates.dims) !== places.length * product(rest)) view.refuse(`updates [${updates.dims}] do not fit the indices`);
  if (places.length === 0) return data;
  const rows = product(data.dims) / product(rest);
  view.checkConstant({ dtype: 'int64', dims: [rows] });
  const table = Array.from({ length: rows }, (_, i) => i);
  places.forEach((place, i) => (table[place] = rows + i));
  const both = concat(view.graph, [reshape(view.graph, data, [rows, ...rest]), reshape(view.graph, updates, [places.length, ...rest])], 0);
  return reshape(view.graph, gathered(view, both, table), data.dims);
}

function gathered(view: NodeView, rows: Value, places: readonly number[]): Value {
  view.checkConstant({ dtype: 'int64', dims: [places.length] });
  return gather(view.graph, rows, { indices: view.graph.constant(int64List(places)), axis: 0 });
}

/** Row-major places that the constant tuples of input 1 name among axes of these sizes. */
function tuples(view: NodeView, sizes: readonly number[]): number[] {
  const listed = view.constantInts(1)!;
  if (sizes.length === 0) return view.refuse('its tuples of indices are empty');
  return Array.from({ length: listed.length / sizes.length }, (_, i) => sizes.reduce((place, size, k) => place * size + inside(view, listed[i * sizes.length + k]!, size), 0));
}

function inside(view: NodeView, index: number, size: number): number {
  if (index < -size || index >= size) view.refuse(`an index is outside −${size} to ${size - 1}`);
  return index < 0 ? index + size : index;
}

function coordinates(element: number, dims: readonly number[]): number[] {
  const at = new Array<number>(dims.length);
  let rest = element;
  for (let axis = dims.length - 1; axis >= 0; axis--) {
    at[axis] = rest % dims[axis]!;
    rest = Math.floor(rest / dims[axis]!);
  }
  return at;
}
