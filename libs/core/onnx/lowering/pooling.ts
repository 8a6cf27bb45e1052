import { globalMean } from '../canonical/reduction.js';
import { averagePool, maxPool } from '../canonical/pooling.js';
import type { Lowering } from './node.js';
import { likeInput, planar } from './planar.js';
import { readWindow } from './window.js';

export const lowerMaxPool: Lowering = (view) => {
  const x = view.floatInput(0);
  if (view.int('storage_order', 0) !== 0) view.refuse('storage_order 1 is not supported');
  const window = readWindow(view, x.dims);
  return [likeInput(view, maxPool(view.graph, planar(view, x), window), x)];
};

export const lowerAveragePool: Lowering = (view) => {
  const given = view.floatInput(0);
  const window = readWindow(view, given.dims);
  const x = planar(view, given);
  const countPadding = view.int('count_include_pad', 0) !== 0;
  if (countPadding && view.int('ceil_mode', 0) !== 0) view.refuse('count_include_pad together with ceil_mode is not supported');
  if (window.dilations.some((d) => d !== 1)) view.refuse('dilations are not supported');
  const whole = window.kernel.every((size, i) => size === x.dims[i + 2]) && window.pads.every((pad) => pad === 0);
  // ONNX Runtime takes another kernel, with as many lanes as the machine has, where one window covers everything.
  const result = whole ? globalMean(view.graph, x) : averagePool(view.graph, x, { ...window, countPadding });
  return [likeInput(view, result, given)];
};

export const lowerGlobalAveragePool: Lowering = (view) => {
  const x = view.floatInput(0);
  if (x.dims.length < 3) view.refuse(`its input has shape [${x.dims}], at least one spatial axis is expected`);
  return [globalMean(view.graph, x)];
};
