import { arithmetic } from '../canonical/arithmetic.js';
import type { ConstantValue, Value } from '../graph.js';
import type { Lowering, NodeView } from './node.js';

/** BatchNormalization with constant statistics: x · scale/√(variance + ε) + (bias − mean · that), one Mul and one Add. */
export const lowerBatchNormalization: Lowering = (view) => {
  const x = view.floatInput(0);
  const epsilon = view.float('epsilon', 1e-5);
  view.float('momentum', 0.9);
  if (view.int('training_mode', 0) !== 0 || view.int('spatial', 1) !== 1) view.refuse('only inference with one statistic per channel is supported');
  const [scale, bias, mean, variance] = [1, 2, 3, 4].map((i) => statistics(view, i, x.dims[1] ?? 0));
  const factor = scale!.map((s, i) => s / Math.sqrt(variance![i]! + epsilon));
  const offset = bias!.map((b, i) => b - mean![i]! * factor[i]!);
  const perChannel = (values: number[]): ConstantValue => view.graph.constant({
    dtype: 'float32',
    dims: [values.length, ...x.dims.slice(2).map(() => 1)],
    data: new Uint8Array(Float32Array.from(values).buffer),
  });
  const stretched: Value = arithmetic(view.graph, 'Mul', [x, perChannel(factor)]);
  return [arithmetic(view.graph, 'Add', [stretched, perChannel(offset)])];
};

function statistics(view: NodeView, index: number, channels: number): number[] {
  const value = view.floatInput(index);
  if (value.kind !== 'constant' || value.dims.length !== 1 || value.dims[0] !== channels) view.refuse(`input ${index} must be a constant list of ${channels}`);
  const { data } = (value as ConstantValue).tensor;
  const view32 = new DataView(data.buffer, data.byteOffset, data.length);
  return Array.from({ length: channels }, (_, i) => view32.getFloat32(4 * i, true));
}
