import type { Spread } from '../canonical/conv-transpose.js';
import type { NodeView } from './node.js';
import { explicitPads, pair, type Pair, type Quad } from './window.js';

/** Strides, padding and output size of a transposed convolution, with auto_pad and output_shape resolved. */
export function readSpread(view: NodeView, inputDims: readonly number[], weightKernel: readonly number[]): Spread {
  const axes = inputDims.length - 2;
  const sizes = (name: string, fallback: readonly number[]): Pair => pair(view, { name, axes }, view.ints(name) ?? fallback);
  const kernel = sizes('kernel_shape', weightKernel);
  const [strides, dilations] = [sizes('strides', Array(axes).fill(1)), sizes('dilations', Array(axes).fill(1))];
  if (kernel.slice(2 - axes).join() !== weightKernel.join()) view.refuse(`kernel_shape [${kernel}] differs from the weights [${weightKernel}]`);
  const added = view.ints('output_padding') ?? Array<number>(axes).fill(0);
  if (added.length !== axes || added.some((size) => size < 0 || size > 0xffff)) view.refuse(`attribute output_padding is [${added}]`);
  const input = axes === 1 ? [1, inputDims[2]!] : inputDims.slice(2);
  const outputPadding = axes === 1 ? [0, added[0]!] : added;
  const natural = [0, 1].map((axis) => strides[axis]! * (input[axis]! - 1) + outputPadding[axis]! + dilations[axis]! * (kernel[axis]! - 1) + 1);
  const pads = readPads(view, { axes, natural, input, strides });
  const output = [0, 1].map((axis) => natural[axis]! - pads[axis]! - pads[axis + 2]!) as Pair;
  return { strides, dilations, pads: [pads[0], pads[1]], output };
}

interface Extents {
  readonly axes: number;
  /** Output sizes without padding. */
  readonly natural: readonly number[];
  readonly input: readonly number[];
  readonly strides: Pair;
}

/** Source for how an odd rest is shared: onnxruntime/core/providers/cpu/nn/conv_transpose_attributes.h (DistributePadding). */
function readPads(view: NodeView, { axes, natural, input, strides }: Extents): Quad {
  const mode = view.text('auto_pad', 'NOTSET');
  const explicit = explicitPads(view, axes);
  const shape = view.ints('output_shape')?.slice(-axes);
  if (mode === 'VALID' && !shape) return [0, 0, 0, 0];
  if (mode === 'NOTSET' && !shape) return explicit;
  if (!['NOTSET', 'VALID', 'SAME_UPPER', 'SAME_LOWER'].includes(mode)) view.refuse(`attribute auto_pad is ${mode}`);
  const wanted = shape ? (axes === 1 ? [1, shape[0]!] : shape) : [0, 1].map((axis) => input[axis]! * strides[axis]!);
  const total = [0, 1].map((axis) => natural[axis]! - wanted[axis]!);
  if (total.some((size) => size < 0)) view.refuse(`an output of [${wanted}] is larger than what the filters reach, [${natural}]`);
  const less = total.map((size) => Math.floor(size / 2));
  const before = mode === 'SAME_UPPER' ? less : total.map((size, axis) => size - less[axis]!);
  return [before[0]!, before[1]!, total[0]! - before[0]!, total[1]! - before[1]!];
}
