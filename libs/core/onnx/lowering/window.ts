import { spatial, type Window } from '../canonical/window.js';
import type { NodeView } from './node.js';

type Pair = [number, number];

/** The window of a Conv or pooling node with auto_pad and ceil_mode resolved into explicit padding. */
export function readWindow(view: NodeView, inputDims: readonly number[], weightKernel?: readonly number[]): Window {
  if (inputDims.length !== 4) view.refuse(`its input has shape [${inputDims}], only N×C×H×W is supported`);
  const size = spatial(inputDims);
  const kernel = pair(view, 'kernel_shape', view.ints('kernel_shape') ?? weightKernel ?? view.refuse('attribute kernel_shape is missing'));
  const strides = pair(view, 'strides', view.ints('strides') ?? [1, 1]);
  const dilations = pair(view, 'dilations', view.ints('dilations') ?? [1, 1]);
  const extents = kernel.map((k, i) => dilations[i]! * (k - 1) + 1) as Pair;
  const pads = readPads(view, { size, strides, extents });
  return { kernel, strides, dilations, pads: view.int('ceil_mode', 0) === 0 ? pads : ceiled(pads, { size, strides, extents }) };
}

interface Axes {
  readonly size: Pair;
  readonly strides: Pair;
  readonly extents: Pair;
}

function pair(view: NodeView, name: string, values: readonly number[]): Pair {
  if (values.length !== 2 || values.some((value) => value < 1 || value > 0xffff)) view.refuse(`attribute ${name} is [${values}], two sizes from 1 to 65535 are expected`);
  return [values[0]!, values[1]!];
}

function readPads(view: NodeView, { size, strides, extents }: Axes): [number, number, number, number] {
  const mode = view.text('auto_pad', 'NOTSET');
  const explicit = view.ints('pads') ?? [0, 0, 0, 0];
  if (explicit.length !== 4 || explicit.some((pad) => pad < 0 || pad > 0xffff)) view.refuse(`attribute pads is [${explicit}], four sizes from 0 to 65535 are expected`);
  if (mode === 'NOTSET') return explicit as [number, number, number, number];
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
  return [...begin, ...end] as [number, number, number, number];
}

/** ceil_mode: the last window may hang over the end, unless it would start in the end padding. */
function ceiled(pads: readonly number[], { size, strides, extents }: Axes): [number, number, number, number] {
  const end = ([0, 1] as const).map((axis) => {
    const before = pads[axis]!;
    let out = Math.ceil((size[axis] + before + pads[axis + 2]! - extents[axis]) / strides[axis]) + 1;
    if ((out - 1) * strides[axis] >= size[axis] + before) out--;
    return Math.max((out - 1) * strides[axis] + extents[axis] - size[axis] - before, pads[axis + 2]!);
  });
  return [pads[0]!, pads[1]!, end[0]!, end[1]!];
}
