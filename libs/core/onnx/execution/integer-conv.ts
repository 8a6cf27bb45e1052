import { elementCount, type Tensor } from '#core/hashing';
import { FEW_CHANNELS } from '../canonical/blocks.js';
import type { NumberedNode } from '../numbering.js';
import { NCHWC, type Layout } from './layout.js';
import { biasByBlock, filtersByBlock, filtersByChannel } from './weights.js';

/** Integers up to here are exact in float32, and so are their sums in any order. */
const EXACT = 2 ** 24;
const LARGEST_DIFFERENCE = 255;

/** True if a float kernel for blocks of channels gives the sums of an integer convolution, which are then scaled by one number. */
export function fitsFloats({ graph, width }: Layout, node: NumberedNode, scaled: NumberedNode): boolean {
  const [x, weights, ...zeros] = node.operands;
  const scale = scaled.operands[1]!;
  if (width === 0 || scaled.operands.length !== 2 || scale.kind !== 'initializer' || elementCount(scale.dims) !== 1) return false;
  if ([weights, ...zeros].some((operand) => operand?.kind !== 'initializer') || zeros.length !== 2 || zeros.some(({ dims }) => elementCount(dims) !== 1)) return false;
  const [filters, channels] = weights!.dims as [number, number];
  if (Number(node.attributes[8]) !== 1 || channels !== x!.dims[1] || filters % 4 !== 0 || (channels >= FEW_CHANNELS && channels % width !== 0)) return false;
  const largest = floatWeights(graph.initializers, node).reduce((most, weight) => Math.max(most, Math.abs(weight)), 0);
  return elementCount(weights!.dims.slice(1)) * LARGEST_DIFFERENCE * largest < EXACT;
}

/** The convolution on floats that are integers, and the product with the scale, under the value of the latter. */
export function writeInFloats(form: Layout, node: NumberedNode, { scaled, value }: { scaled: NumberedNode; value: number }): void {
  const [x, weights, zero] = node.operands;
  const [filters, channels] = weights!.dims as [number, number];
  const few = channels < FEW_CHANNELS;
  const one = form.constant('#one', () => float32([], Float32Array.of(1)));
  form.add({ opType: 'DequantizeLinear', inputs: [form.plain(x!), one, form.plain(zero!)], output: `%${value}.x` });
  if (!few) form.add({ opType: 'ReorderInput', domain: NCHWC, inputs: [`%${value}.x`], output: `%${value}.xb`, attributes: [{ name: 'channels_last', value: 0 }] });
  const filled = (): Tensor => float32(weights!.dims, floatWeights(form.graph.initializers, node));
  const kernel = form.constant(`#${value}.weights`, () => (few ? filtersByChannel : filtersByBlock)(filled(), form.width));
  const bias = form.constant(`#${value}.bias`, () => biasByBlock(float32([filters], new Float32Array(filters)), form.width));
  form.add({ opType: 'Conv', domain: NCHWC, inputs: [few ? `%${value}.x` : `%${value}.xb`, kernel, bias], output: `%${value}.sums`, attributes: node.onnx.attributes });
  form.add({ opType: 'Mul', inputs: [`%${value}.sums`, form.plain(scaled.operands[1]!)], output: form.written(value, 'blocked') });
}

/** Differences of the weights and their zero point. */
function floatWeights(initializers: readonly Tensor[], { operands }: NumberedNode): Float32Array {
  const [weights, zero] = [operands[1]!, operands[3]!].map(({ index, dtype }) => (dtype === 'int8' ? new Int8Array(initializers[index]!.data) : initializers[index]!.data)) as [Int8Array | Uint8Array, Int8Array | Uint8Array];
  return Float32Array.from(weights, (weight) => weight - zero[0]!);
}

const float32 = (dims: readonly number[], values: Float32Array): Tensor => ({ dtype: 'float32', dims, data: new Uint8Array(values.buffer) });
