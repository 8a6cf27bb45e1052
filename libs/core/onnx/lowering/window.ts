import { spatial, type Window } from '../canonical/window.js';
import type { NodeView } from './node.js';

export type Pair = [number, number];
export type Quad = [number, number, number, number];

/**
 * The window of a Conv or pooling node with auto_pad and ceil_mode resolved into explicit padding. A single spatial axis
 * counts as the second of two, the first of size 1.
 */
export function readWindow(view: NodeView, inputDims: readonly number[], weightKernel?: readonly number[]): Window {
  if (inputDims.length !== 3 && inputDims.length !== 4) view.refuse(`its input has shape [${inputDims}], only one or two spatial axes are supported`);
  const axes = inputDims.length - 2;
  const size = axes === 1 ? ([1, inputDims[2]!] as Pair) : spatial(inputDims);
  const sizes = (name: string, fallback?: readonly number[]): Pair => pair(view, { name, axes }, view.ints(name) ?? fallback ?? view.refuse(`attribute ${name} is missing`));
  const kernel = sizes('kernel_shape', weightKernel);
  const [strides, dilations] = [sizes('strides', Array(axes).fill(1)), sizes('dilations', Array(axes).fill(1))];
  const extents = kernel.map((k, i) => dilations[i]! * (k - 1) + 1) as Pair;
  const pads = readPads(view, { size, strides, extents }, axes);
  return { kernel, strides, dilations, pads: view.int('ceil_mode', 0) === 0 ? pads : ceiled(pads, { size, strides, extents }) };
}

interface Axes {
  readonly size: Pair;
  readonly strides: Pair;
  readonly extents: Pair;
}

/** Sizes along both axes; of a single axis with 1 in front. */
export function pair(view: NodeView, { name, axes }: { name: string; axes: number }, values: readonly number[]): Pair {
  if (values.length !== axes || values.some((value) => value < 1 || value > 0xffff)) view.refuse(`attribute ${name} is [${values}], ${axes} sizes from 1 to 65535 are expected`);
  return axes === 1 ? [1, values[0]!] : [values[0]!, values[1]!];
}

/** Top, left, bottom, right as listed; of a single axis with zeros for the other one. */
export function explicitPads(view: NodeView, axes: number): Quad {
  const listed = view.ints('pads') ?? Array<number>(2 * axes).fill(0);
  if (listed.length !== 2 * axes || listed.some((pad) => pad < 0 || pad > 0xffff)) view.refuse(`attribute pads is [${listed}], ${2 * axes} sizes from 0 to 65535 are expected`);
  return axes === 1 ? [0, listed[0]!, 0, listed[1]!] : (listed as Quad);
}

function readPads(view: NodeView, { size, strides, extents }: Axes, axes: number): Quad {
  const mode = view.text('auto_pad', 'NOTSET');
  const explicit = explicitPads(view, axes);
  if (mode === 'NOTSET') return explicit;
  if (mode === 'VALID') return [0, 0, 0, 0];
  if (mode !== 'SAME_UPPER' && mode !== 'SAME_LOWER') view.refuse(`attribute auto_pad is ${mode}`);
  const [begin, end]: [number[], number[]] = [[], []];
  for (const axis of [0, 1] as const) {
    const out = Math.ceil(size[axis] / strides[axis]);
    const total = Math.max((out - 1) * strides[axis] + extents[axis] - size[axis], 0);
    const [less, more] = [Math.floor(total / 2), Math.ceil(total / 2)];
    begin.push(mode === 'SAME_UPPER' ? less : more);
    end.push(mode === 'SAME_UPPER' ? more : less);
  }
  return [...begin, ...end] as Quad;
}

/** ceil_mode: the last window may hang over the end, unless it would start in the end padding. */
function ceiled(pads: readonly number[], { size, strides, extents }: Axes): Quad {
  const end = ([0, 1] as const).map((axis) => {
    const before = pads[axis]!;
    let out = Math.ceil((size[axis] + before + pads[axis + 2]! - extents[axis]) / strides[axis]) + 1;
    if ((out - 1) * strides[axis] >= size[axis] + before) out--;
    return Math.max((out - 1) * strides[axis] + extents[axis] - size[axis] - before, pads[axis + 2]!);
  });
  return [pads[0]!, pads[1]!, end[0]!, end[1]!];
}
