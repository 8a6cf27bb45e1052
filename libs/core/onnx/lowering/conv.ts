import { conv } from '../canonical/conv.js';
import type { Lowering } from './node.js';
import { readWindow } from './window.js';

export const lowerConv: Lowering = (view) => {
  const [x, weights] = [view.floatInput(0), view.floatInput(1)];
  if (weights.dims.length !== 4) view.refuse(`its weights have shape [${weights.dims}], only two spatial axes are supported`);
  if (weights.kind !== 'constant') view.refuse('its weights depend on the model’s inputs, they must be constant');
  const groups = view.int('group', 1);
  const window = readWindow(view, x.dims, weights.dims.slice(2));
  if (window.kernel.some((size, i) => size !== weights.dims[i + 2])) view.refuse(`kernel_shape [${window.kernel}] differs from the weights [${weights.dims}]`);
  if (groups < 1 || weights.dims[0]! % groups !== 0 || weights.dims[1]! * groups !== x.dims[1]) {
    view.refuse(`weights [${weights.dims}] in ${groups} groups do not fit input [${x.dims}]`);
  }
  const bias = view.optionalInput(2) && view.floatInput(2);
  if (bias && (bias.dims.length !== 1 || bias.dims[0] !== weights.dims[0])) view.refuse(`its bias has shape [${bias.dims}]`);
  return [conv(view.graph, { x, weights, groups, ...window, ...(bias && { bias }) })];
};
