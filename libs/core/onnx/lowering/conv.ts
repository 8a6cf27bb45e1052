import { convTranspose } from '../canonical/conv-transpose.js';
import { conv } from '../canonical/conv.js';
import type { Value } from '../graph.js';
import type { Lowering, NodeView } from './node.js';
import { likeInput, planar } from './planar.js';
import { readSpread } from './spread.js';
import { readWindow } from './window.js';

/** Over one spatial axis as over two of which the first has size 1. */
export const lowerConv: Lowering = (view) => {
  const { x, weights, bias, groups } = convInputs(view);
  const window = readWindow(view, x.dims, weights.dims.slice(2));
  if (weights.dims[0]! % groups !== 0 || weights.dims[1]! * groups !== x.dims[1]) view.refuse(`weights [${weights.dims}] in ${groups} groups do not fit input [${x.dims}]`);
  checkBias(view, bias, weights.dims[0]!);
  if (window.kernel.join() !== planar(view, weights).dims.slice(2).join()) view.refuse(`kernel_shape [${window.kernel}] differs from the weights [${weights.dims}]`);
  const result = conv(view.graph, { x: planar(view, x), weights: planar(view, weights), groups, ...window, ...(bias && { bias }) });
  return [likeInput(view, result, x)];
};

export const lowerConvTranspose: Lowering = (view) => {
  const { x, weights, bias, groups } = convInputs(view);
  if (weights.dims[0] !== x.dims[1] || x.dims[1]! % groups !== 0) view.refuse(`weights [${weights.dims}] in ${groups} groups do not fit input [${x.dims}]`);
  checkBias(view, bias, weights.dims[1]! * groups);
  const spread = readSpread(view, x.dims, weights.dims.slice(2));
  const result = convTranspose(view.graph, { x: planar(view, x), weights: planar(view, weights), groups, ...spread, ...(bias && { bias }) });
  return [likeInput(view, result, x)];
};

function convInputs(view: NodeView): { x: Value; weights: Value; bias: Value | undefined; groups: number } {
  const [x, weights] = [view.floatInput(0), view.floatInput(1)];
  if (weights.dims.length !== x.dims.length || x.dims.length < 3 || x.dims.length > 4) view.refuse(`its input has shape [${x.dims}] and its weights [${weights.dims}], only one or two spatial axes are supported`);
  const groups = view.int('group', 1);
  if (groups < 1) view.refuse(`attribute group is ${groups}`);
  return { x, weights, bias: view.optionalInput(2) && view.floatInput(2), groups };
}

function checkBias(view: NodeView, bias: Value | undefined, filters: number): void {
  if (bias && (bias.dims.length !== 1 || bias.dims[0] !== filters)) view.refuse(`its bias has shape [${bias.dims}], [${filters}] is expected`);
}
