import type { PadMode } from '#core/numerics';
import { scalar } from '../canonical/constants.js';
import { cumSum, expand, gather, gatherAt, gatherElements, pad, tile } from '../canonical/indexing.js';
import { slice } from '../canonical/movement.js';
import type { GraphBuilder, Value } from '../graph.js';
import type { Lowering, NodeView } from './node.js';

export const lowerGather: Lowering = (view) => [gather(view.graph, view.input(0), { indices: view.input(1), axis: dataAxis(view) })];

export const lowerGatherElements: Lowering = (view) => [gatherElements(view.graph, view.input(0), { indices: view.input(1), axis: dataAxis(view) })];

function dataAxis(view: NodeView): number {
  return view.axis(view.int('axis', 0), view.input(0).dims.length);
}

export const lowerExpand: Lowering = (view) => [expand(view.graph, view.input(0), view.constantInts(1) ?? view.refuse('its shape is missing'))];

export const lowerTile: Lowering = (view) => {
  const x = view.input(0);
  const repeats = view.constantInts(1) ?? view.refuse('its repeats are missing');
  if (repeats.length !== x.dims.length || repeats.some((count) => count < 1)) view.refuse(`repeats [${repeats}] do not fit shape [${x.dims}]`);
  return [tile(view.graph, x, repeats)];
};

/** Constant, edge and reflect padding; wrap by indices; what is negative is cut off first. */
export const lowerPad: Lowering = (view) => {
  const source = view.input(0);
  const mode = view.text('mode', 'constant');
  const constant = constantOf(view, source);
  const { begins, ends } = padsOf(view, source.dims.length);
  const x = cut(view.graph, source, { begins, ends });
  const padding = { begins: begins.map(positive), ends: ends.map(positive) };
  if (mode === 'wrap') return [wrapped(view.graph, x, padding)];
  if (mode !== 'constant' && mode !== 'edge' && mode !== 'reflect') view.refuse(`mode ${mode} is not supported`);
  return [pad(view.graph, x, { ...padding, mode: mode as PadMode, ...(mode === 'constant' && constant && { constant }) })];
};

const positive = (count: number): number => Math.max(0, count);

function constantOf(view: NodeView, { dtype }: Value): (Value & { kind: 'constant' }) | undefined {
  const given = view.opset < 11 ? scalar(view.graph, view.float('value', 0)) : view.optionalInput(2);
  if (!given) return undefined;
  if (given.kind !== 'constant') return view.refuse('its constant depends on the model’s inputs');
  if (given.dtype !== dtype || given.dims.some((size) => size !== 1)) return view.refuse(`its constant is ${given.dtype}[${given.dims}], a scalar of ${dtype} is expected`);
  return view.graph.constant({ ...given.tensor, dims: [] });
}

interface Pads {
  readonly begins: readonly number[];
  readonly ends: readonly number[];
}

function padsOf(view: NodeView, rank: number): Pads {
  const listed = view.constantInts(1) ?? view.ints('pads') ?? view.refuse('its pads are missing');
  const axes = (view.constantInts(3) ?? Array.from({ length: rank }, (_, i) => i)).map((axis) => view.axis(axis, rank));
  if (listed.length !== 2 * axes.length || new Set(axes).size !== axes.length) view.refuse(`pads [${listed}] do not fit ${axes.length} axes`);
  if (listed.some((count) => Math.abs(count) > 2 ** 31)) view.refuse(`pads [${listed}] are too large`);
  const spread = (offset: number): number[] => Array.from({ length: rank }, (_, axis) => (axes.includes(axis) ? listed[offset + axes.indexOf(axis)]! : 0));
  return { begins: spread(0), ends: spread(axes.length) };
}

/** What negative padding leaves. */
function cut(graph: GraphBuilder, x: Value, { begins, ends }: Pads): Value {
  if ([...begins, ...ends].every((count) => count >= 0)) return x;
  const starts = begins.map((count) => Math.max(0, -count));
  const sizes = x.dims.map((size, axis) => size - starts[axis]! - Math.max(0, -ends[axis]!));
  if (sizes.some((size) => size < 1)) throw new RangeError('its padding cuts everything off');
  return slice(graph, x, { starts, sizes, steps: x.dims.map(() => 1) });
}

function wrapped(graph: GraphBuilder, source: Value, { begins, ends }: Pads): Value {
  return source.dims.reduce((x, size, axis) => {
    if (begins[axis] === 0 && ends[axis] === 0) return x;
    const places = Array.from({ length: begins[axis]! + size + ends[axis]! }, (_, i) => (((i - begins[axis]!) % size) + size) % size);
    return gatherAt(graph, x, { places, axis });
  }, source);
}

export const lowerCumSum: Lowering = (view) => {
  const x = view.input(0);
  const [axis] = view.constantInts(1) ?? view.refuse('its axis is missing');
  return [cumSum(view.graph, x, { axis: view.axis(axis ?? 0, x.dims.length), exclusive: view.int('exclusive', 0) !== 0, reverse: view.int('reverse', 0) !== 0 })];
};

/** One Slice per output. */
export const lowerSplit: Lowering = (view) => {
  const x = view.input(0);
  const axis = view.axis(view.int('axis', 0), x.dims.length);
  const sizes = splitSizes(view, x.dims[axis]!);
  if (sizes.some((size) => size < 1) || sizes.reduce((a, b) => a + b, 0) !== x.dims[axis]) view.refuse(`sizes [${sizes}] do not make up ${x.dims[axis]}`);
  let start = 0;
  return sizes.map((size) => {
    const bounds = { starts: x.dims.map((_, i) => (i === axis ? start : 0)), sizes: x.dims.with(axis, size), steps: x.dims.map(() => 1) };
    start += size;
    return slice(view.graph, x, bounds);
  });
};

/** Sizes as listed; else equal ones, the last one smaller where they do not come out even. */
function splitSizes(view: NodeView, total: number): number[] {
  const listed = view.constantInts(1) ?? view.ints('split');
  const count = view.int('num_outputs', view.outputCount);
  if (listed) return listed.length === view.outputCount ? listed : view.refuse(`${listed.length} sizes for ${view.outputCount} outputs`);
  const size = Math.ceil(total / count);
  if (count !== view.outputCount || (view.opset < 18 && size * count !== total)) view.refuse(`${total} elements do not split into ${count} outputs`);
  return Array.from({ length: count }, (_, i) => Math.min(size, total - i * size));
}
