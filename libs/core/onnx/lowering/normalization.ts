import { arithmetic } from '../canonical/arithmetic.js';
import { scalar } from '../canonical/constants.js';
import { reshape } from '../canonical/movement.js';
import { meanRows } from '../canonical/reduction.js';
import { unary } from '../canonical/unary.js';
import type { ConstantValue, GraphBuilder, Value } from '../graph.js';
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

/** Rows of a matrix or a stack of them, each divided by the root of its mean square, with its mean taken away before if so asked. */
function normalisedRows(graph: GraphBuilder, rows: Value, { epsilon, centred }: { epsilon: number; centred: boolean }): Value {
  const x = centred ? arithmetic(graph, 'Sub', [rows, meanRows(graph, rows)]) : rows;
  const variance = arithmetic(graph, 'Add', [meanRows(graph, arithmetic(graph, 'Mul', [x, x])), scalar(graph, Math.fround(epsilon))]);
  return arithmetic(graph, 'Div', [x, unary(graph, 'Sqrt', variance)]);
}

const sizeOf = (dims: readonly number[]): number => dims.reduce((a, b) => a * b, 1);

/** Over the last axes from `axis` on, then scale and bias by broadcasting. */
const layerNormalization = (centred: boolean): Lowering => (view) => {
  const x = view.floatInput(0);
  const axis = view.axis(view.int('axis', -1), x.dims.length);
  const epsilon = view.float('epsilon', 1e-5);
  view.int('stash_type', 1);
  if (view.outputCount > 1) view.refuse('only its first output is supported');
  const asTheyLie = axis > 0 && axis === x.dims.length - 1;
  const rows = asTheyLie ? x : reshape(view.graph, x, [sizeOf(x.dims.slice(0, axis)), sizeOf(x.dims.slice(axis))]);
  const normal = reshape(view.graph, normalisedRows(view.graph, rows, { epsilon, centred }), x.dims);
  const scaled = arithmetic(view.graph, 'Mul', [normal, view.floatInput(1)]);
  const bias = centred && view.optionalInput(2) ? view.floatInput(2) : undefined;
  return [bias ? arithmetic(view.graph, 'Add', [scaled, bias]) : scaled];
};

export const lowerLayerNormalization = layerNormalization(true);
/** Without the mean, also called SimplifiedLayerNormalization. */
export const lowerRMSNormalization = layerNormalization(false);

/** Every channel of every image by itself. */
export const lowerInstanceNormalization: Lowering = (view) => {
  const x = view.floatInput(0);
  if (x.dims.length < 3) view.refuse(`its input has shape [${x.dims}], at least one spatial axis is expected`);
  return [groupwise(view, x, { groups: x.dims[1]! })];
};

/** Groups of channels together; before operator set 21 scale and bias are per group. */
export const lowerGroupNormalization: Lowering = (view) => {
  const x = view.floatInput(0);
  const groups = view.int('num_groups', 0);
  view.int('stash_type', 1);
  if (x.dims.length < 3 || groups < 1 || x.dims[1]! % groups !== 0) view.refuse(`${groups} groups do not fit its input [${x.dims}]`);
  return [groupwise(view, x, { groups })];
};

function groupwise(view: NodeView, x: Value, { groups }: { groups: number }): Value {
  const { graph } = view;
  const [images, channels] = [x.dims[0]!, x.dims[1]!];
  const rows = reshape(graph, x, [images * groups, (channels / groups) * sizeOf(x.dims.slice(2))]);
  const normal = normalisedRows(graph, rows, { epsilon: view.float('epsilon', 1e-5), centred: true });
  const [scale, bias] = [1, 2].map((index) => view.floatInput(index)) as [Value, Value];
  for (const { dims } of [scale, bias]) if (dims.length !== 1 || (dims[0] !== channels && dims[0] !== groups)) view.refuse(`its scale or bias has shape [${dims}], one number for each of ${channels} channels is expected`);
  const perGroup = scale.dims[0] !== channels;
  const shape = perGroup ? [images, groups, channels / groups, ...x.dims.slice(2)] : x.dims;
  const along = (value: Value): Value => reshape(graph, value, [value.dims[0]!, ...shape.slice(2).map(() => 1)]);
  const scaled = arithmetic(graph, 'Mul', [reshape(graph, normal, shape), along(scale)]);
  return reshape(graph, arithmetic(graph, 'Add', [scaled, along(bias)]), x.dims);
}
