import { concat, reshape, slice, transpose } from '../canonical/movement.js';
import { gatherAt } from '../canonical/indexing.js';
import type { GraphBuilder, Value } from '../graph.js';
import type { Lowering, NodeView } from './node.js';

export const lowerReshape: Lowering = (view) => {
  const x = view.input(0);
  const wanted = view.constantInts(1) ?? view.ints('shape') ?? view.refuse('its shape is missing');
  const allowZero = view.int('allowzero', 0) !== 0;
  const dims = wanted.map((dim, i) => (dim === 0 && !allowZero ? (x.dims[i] ?? view.refuse(`shape [${wanted}] copies axis ${i}, which is not there`)) : dim));
  const open = dims.indexOf(-1);
  if (open < 0) return [reshape(view.graph, x, dims)];
  const rest = dims.reduce((a, b, i) => (i === open ? a : a * b), 1);
  const total = x.dims.reduce((a, b) => a * b, 1);
  if (rest <= 0 || total % rest !== 0) view.refuse(`shape [${x.dims}] cannot become [${wanted}]`);
  return [reshape(view.graph, x, dims.map((dim, i) => (i === open ? total / rest : dim)))];
};

export const lowerFlatten: Lowering = (view) => {
  const x = view.input(0);
  const axis = view.axis(view.int('axis', 1), x.dims.length, { inclusive: true });
  const width = (dims: readonly number[]): number => dims.reduce((a, b) => a * b, 1);
  return [reshape(view.graph, x, [width(x.dims.slice(0, axis)), width(x.dims.slice(axis))])];
};

export const lowerSqueeze: Lowering = (view) => {
  const x = view.input(0);
  const axes = axesOf(view, x.dims.length) ?? x.dims.flatMap((dim, i) => (dim === 1 ? [i] : []));
  if (axes.some((axis) => x.dims[axis] !== 1)) view.refuse(`axes [${axes}] of shape [${x.dims}] are not all 1`);
  return [reshape(view.graph, x, x.dims.filter((_, i) => !axes.includes(i)))];
};

export const lowerUnsqueeze: Lowering = (view) => {
  const x = view.input(0);
  const listed = view.constantInts(1) ?? view.ints('axes') ?? view.refuse('its axes are missing');
  const rank = x.dims.length + listed.length;
  const axes = new Set(listed.map((axis) => view.axis(axis, rank)));
  if (axes.size !== listed.length) view.refuse(`axes [${listed}] repeat`);
  const rest = [...x.dims];
  return [reshape(view.graph, x, Array.from({ length: rank }, (_, i) => (axes.has(i) ? 1 : rest.shift()!)))];
};

function axesOf(view: NodeView, rank: number): number[] | undefined {
  return (view.constantInts(1) ?? view.ints('axes'))?.map((axis) => view.axis(axis, rank));
}

/** Identity, and Dropout outside training: the value itself, no node. */
export const lowerIdentity: Lowering = (view) => [view.input(0)];

export const lowerDropout: Lowering = (view) => {
  view.float('ratio', 0);
  view.int('seed', 0);
  const training = view.optionalInput(2);
  if (training && !(training.kind === 'constant' && training.tensor.data.every((byte) => byte === 0))) view.refuse('training mode is not supported');
  return [view.input(0)];
};

export const lowerConcat: Lowering = (view) => {
  const listed = Array.from({ length: view.inputCount }, (_, i) => view.input(i));
  // Empty constants stand in exported shape computations.
  const parts = listed.every(({ kind }) => kind === 'constant') ? listed : listed.filter(({ dims }) => !dims.includes(0));
  if (parts.some((part) => part.dtype !== parts[0]!.dtype)) view.refuse('its inputs have different element types');
  if (parts.length === 0 || parts.length > 255) view.refuse(`it has ${parts.length} inputs, 1 to 255 are supported`);
  return [concat(view.graph, parts, view.axis(view.int('axis', 1), parts[0]!.dims.length))];
};

export const lowerTranspose: Lowering = (view) => {
  const x = view.input(0);
  const permutation = view.ints('perm') ?? x.dims.map((_, i) => x.dims.length - 1 - i);
  if ([...permutation].sort((a, b) => a - b).some((axis, i) => axis !== i) || permutation.length !== x.dims.length) view.refuse(`perm [${permutation}] is no permutation of ${x.dims.length} axes`);
  return [transpose(view.graph, x, permutation)];
};

export const lowerSlice: Lowering = (view) => {
  const x = view.input(0);
  const starts = view.constantInts(1) ?? view.ints('starts') ?? view.refuse('its starts are missing');
  const ends = view.constantInts(2) ?? view.ints('ends') ?? view.refuse('its ends are missing');
  const axes = (view.constantInts(3) ?? view.ints('axes') ?? starts.map((_, i) => i)).map((axis) => view.axis(axis, x.dims.length));
  const steps = view.constantInts(4) ?? starts.map(() => 1);
  if (new Set(axes).size !== starts.length || ends.length !== starts.length || steps.length !== starts.length) view.refuse('starts, ends, axes and steps do not fit together');
  if (steps.includes(0)) view.refuse('a step is 0');
  const turned = steps.reduce((value, step, i) => (step < 0 ? backwards(view.graph, value, { axis: axes[i]!, start: starts[i]!, end: ends[i]!, step }) : value), x);
  const forwards = axes.flatMap((axis, i) => (steps[i]! > 0 ? [{ axis, start: starts[i]!, end: ends[i]!, step: steps[i]! }] : []));
  return [forwards.length === 0 ? turned : slice(view.graph, turned, sliceBounds(turned, forwards))];
};

interface Cut {
  readonly axis: number;
  readonly start: number;
  readonly end: number;
  readonly step: number;
}

/** Elements from the end to the beginning, at constant places. */
function backwards(graph: GraphBuilder, x: Value, { axis, start, end, step }: Cut): Value {
  const size = x.dims[axis]!;
  const clamp = (at: number): number => Math.min(Math.max(at < 0 ? at + size : at, -1), size - 1);
  const places: number[] = [];
  for (let place = clamp(start); place > clamp(end) && place >= 0; place += step) places.push(place);
  if (places.length === 0) throw new RangeError('its output is empty');
  return gatherAt(graph, x, { places, axis });
}

function sliceBounds(x: Value, cuts: readonly Cut[]): { starts: number[]; sizes: number[]; steps: number[] } {
  const bounds = { starts: x.dims.map(() => 0), sizes: [...x.dims], steps: x.dims.map(() => 1) };
  for (const { axis, start, end, step } of cuts) {
    const size = x.dims[axis]!;
    const clamp = (at: number): number => Math.min(Math.max(at < 0 ? at + size : at, 0), size);
    bounds.starts[axis] = clamp(start);
    bounds.sizes[axis] = Math.max(0, Math.ceil((clamp(end) - clamp(start)) / step));
    bounds.steps[axis] = step;
  }
  return bounds;
}

/** Blocks of channels become blocks of pixels. */
export const lowerDepthToSpace: Lowering = (view) => {
  const { x, block, dims } = blocksOf(view);
  const [images, channels, height, width] = dims;
  if (channels % (block * block) !== 0) view.refuse(`${channels} channels are no multiple of ${block}²`);
  const kept = channels / (block * block);
  const columnFirst = view.text('mode', 'DCR') === 'CRD';
  const split = reshape(view.graph, x, columnFirst ? [images, kept, block, block, height, width] : [images, block, block, kept, height, width]);
  const moved = transpose(view.graph, split, columnFirst ? [0, 1, 4, 2, 5, 3] : [0, 3, 4, 1, 5, 2]);
  return [reshape(view.graph, moved, [images, kept, height * block, width * block])];
};

/** Blocks of pixels become blocks of channels. */
export const lowerSpaceToDepth: Lowering = (view) => {
  const { x, block, dims } = blocksOf(view);
  const [images, channels, height, width] = dims;
  if (height % block !== 0 || width % block !== 0) view.refuse(`${height}×${width} pixels do not split into blocks of ${block}`);
  const split = reshape(view.graph, x, [images, channels, height / block, block, width / block, block]);
  const moved = transpose(view.graph, split, [0, 3, 5, 1, 2, 4]);
  return [reshape(view.graph, moved, [images, channels * block * block, height / block, width / block])];
};

function blocksOf(view: NodeView): { x: Value; block: number; dims: readonly [number, number, number, number] } {
  const x = view.input(0);
  const block = view.int('blocksize', 0);
  if (x.dims.length !== 4 || block < 1) view.refuse(`its input has shape [${x.dims}] and its block size is ${block}`);
  return { x, block, dims: x.dims as unknown as readonly [number, number, number, number] };
}
