import { DTYPES, elementCount, type Tensor } from '#core/hashing';
import type { NumberedNode } from '../numbering.js';
import { isAlike, isQuantizedDepthwise, neverSaturates, type ChannelOrder } from './channels.js';
import type { Layout } from './layout.js';

/** Operands of a quantised convolution that belong to its filters. */
const [WEIGHTS, WEIGHT_SCALE, WEIGHT_ZERO, BIAS] = [3, 4, 5, 8];

/**
 * A quantised convolution with the channels as last axis: the kernel takes every layer so, and moves the numbers there and
 * back where they lie otherwise. Sums are exact integers, so their order is free, and weights are int8 where the faster
 * kernel for them cannot saturate: it adds pairs in 16 bits, except the one for depthwise windows.
 */
export function writeQuantizedConv(form: Layout, node: NumberedNode, value: number): void {
  const turn = turnsSigned(form, node);
  const inputs = node.operands.map((operand, slot) => {
    if (slot === 0) return form.channelsLast(operand);
    const isFilters = slot === WEIGHTS || slot === WEIGHT_SCALE || slot === WEIGHT_ZERO || slot === BIAS;
    return isFilters && operand.kind === 'initializer' ? filterOperand(form, { node, value, slot }, turn && (slot === WEIGHTS || slot === WEIGHT_ZERO)) : form.plain(operand);
  });
  const attributes = [{ name: 'channels_last', value: 1 }, ...node.onnx.attributes];
  form.add({ opType: 'QLinearConv', domain: 'com.microsoft', inputs, output: form.written(value, 'last'), attributes });
}

/** True if uint8 weights may be computed as int8 ones, 128 lower. */
function turnsSigned(form: Layout, node: NumberedNode): boolean {
  const [x, weights, zero] = [node.operands[0]!, node.operands[WEIGHTS]!, node.operands[WEIGHT_ZERO]!];
  if (weights.dtype !== 'uint8' || weights.kind !== 'initializer' || zero.kind !== 'initializer') return false;
  return isQuantizedDepthwise(node) || neverSaturates(form.graph.initializers[weights.index]!, form.orderOf(x));
}

/** What belongs to the filters, in the orders of the channels that are read and made. */
function filterOperand(form: Layout, { node, value, slot }: { node: NumberedNode; value: number; slot: number }, turn: boolean): string {
  const operand = node.operands[slot]!;
  const [read, made] = [isQuantizedDepthwise(node) ? undefined : form.orderOf(node.operands[0]!), form.orders.get(value)];
  if (!turn && !read && !made) return form.plain(operand);
  return form.constant(`#${value}.q${slot}`, () => {
    const tensor = form.graph.initializers[operand.index]!;
    const ordered = elementCount(tensor.dims) === 1 ? tensor : reordered(tensor, 0, made);
    const both = slot === WEIGHTS ? reordered(ordered, 1, read) : ordered;
    return turn ? { ...both, dtype: 'int8', data: both.data.map((byte) => byte ^ 0x80) } : both;
  });
}

/** A tensor with the places along one of its first two axes in another order. */
function reordered(tensor: Tensor, axis: 0 | 1, order: ChannelOrder | undefined): Tensor {
  if (!order) return tensor;
  const size = elementCount(tensor.dims.slice(axis + 1)) * DTYPES[tensor.dtype].size;
  const data = new Uint8Array(tensor.data.length);
  for (let at = 0; at < data.length; at += size * order.length) {
    order.forEach((from, to) => data.set(tensor.data.subarray(at + from * size, at + (from + 1) * size), at + to * size));
  }
  return { ...tensor, data };
}

/** True if a node reads values whose channels are the last axis and can leave its result so. */
export function staysLast(form: Layout, node: NumberedNode): boolean {
  return isAlike(node) && node.operands.some((operand) => form.isLast(operand));
}

export function writeLast(form: Layout, node: NumberedNode, value: number): void {
  const inputs = node.operands.map((operand) => (operand.kind === 'initializer' ? form.plain(operand) : form.channelsLast(operand)));
  form.add({ opType: node.onnx.opType, ...(node.onnx.domain && { domain: node.onnx.domain }), inputs, output: form.written(value, 'last'), attributes: node.onnx.attributes });
}
