import type { Tensor } from '#core/hashing';
import { blockSize, FEW_CHANNELS, POINTWISE_BLOCK } from '../canonical/blocks.js';
import type { NumberedNode } from '../numbering.js';
import type { WrittenAttribute } from '../proto/write.js';
import { int64List, NCHWC, type Layout } from './layout.js';
import { biasByBlock, filtersByBlock, filtersByChannel, filtersFor } from './weights.js';

/** A convolution of the canonical graph, and under which value its result is written. */
interface Convolution {
  readonly node: NumberedNode;
  readonly value: number;
  /** The result is rectified in the same kernel. */
  readonly rectified: boolean;
}

type Kernel = 'im2col' | 'depthwise' | 'pointwise' | 'planar';

interface Shape {
  readonly channels: number;
  readonly filters: number;
  readonly taps: number;
  readonly products: number;
  readonly positions: number;
  readonly groups: number;
  readonly block: number;
  readonly unpadded: boolean;
}

function shapeOf({ operands, attributes, output }: NumberedNode): Shape {
  const [filters, perGroup, ...kernel] = operands[1]!.dims as [number, number, number, number];
  const taps = kernel[0] * kernel[1];
  return {
    channels: operands[0]!.dims[1]!,
    filters,
    taps,
    products: perGroup * taps,
    positions: output.dims[2]! * output.dims[3]!,
    groups: Number(attributes[8]),
    block: Number(attributes[9]),
    unpadded: attributes.slice(2, 6).every((pad) => pad === 0n),
  };
}

/** True if sums in blocks of either size are the same chain. */
const sameChain = (products: number, a: number, b: number): boolean => a === b || products <= Math.min(a, b);

/** The kernels whose chain is the canonical one, im2col first. */
function kernelsFor(node: NumberedNode): Kernel[] {
  const { channels, filters, taps, products, positions, groups, block, unpadded } = shapeOf(node);
  const kernels: Kernel[] = [];
  const depthwise = groups > 1 && groups === channels && groups === filters;
  if (!depthwise && sameChain(products, block, blockSize(positions, products))) kernels.push('im2col');
  if (node.operands[1]!.kind !== 'initializer' || node.operands[2]?.kind !== 'initializer' || filters % 4 !== 0) return kernels;
  if (depthwise && block >= products) kernels.push('depthwise');
  if (groups === 1 && taps === 1 && unpadded && channels % 4 === 0 && sameChain(products, block, POINTWISE_BLOCK)) kernels.push('pointwise');
  if (groups === 1 && channels < FEW_CHANNELS && taps > 1 && sameChain(products, block, taps)) kernels.push('planar');
  return kernels;
}

/** Writes the nodes that compute a convolution. */
export function writeConv(form: Layout, conv: Convolution, wantsBlocks: boolean): void {
  const kernels = kernelsFor(conv.node);
  if (form.width === 0) return writeUnblocked(form, conv, kernels);
  const [first] = kernels;
  const blocked = form.isBlocked(conv.node.operands[0]!) && conv.node.operands[0]!.dims[1]! % form.width === 0;
  if (kernels.includes('planar')) return writePlanar(form, conv);
  if (kernels.includes('pointwise') && (blocked || wantsBlocks || first !== 'im2col')) return writePointwise(form, conv);
  if (first === 'depthwise') return writeDepthwise(form, conv);
  writeIm2col(form, conv);
}

/** Without kernels for blocks of channels: the same chains from the ordinary ones. */
function writeUnblocked(form: Layout, conv: Convolution, kernels: readonly Kernel[]): void {
  if (kernels.includes('im2col') || kernels.includes('depthwise') || kernels.length === 0) return writeIm2col(form, conv);
  writeInPieces(form, conv, kernels.includes('pointwise') ? POINTWISE_BLOCK : 1);
}

function writeIm2col(form: Layout, { node, value, rectified }: Convolution): void {
  const inputs = node.operands.map((operand) => form.plain(operand));
  const output = form.written(value, 'plain');
  if (rectified) form.add({ opType: 'FusedConv', domain: 'com.microsoft', inputs, output, attributes: withActivation(node) });
  else form.add({ opType: 'Conv', inputs, output, attributes: node.onnx.attributes });
}

/** One product of some channels after the other, each a block of the chain, then the bias. */
function writeInPieces(form: Layout, { node, value, rectified }: Convolution, most: number): void {
  const weights = tensorOf(form, node, 1);
  const pieces = piecesOf(weights.dims[1]!, most);
  const parts = split(form, { x: form.plain(node.operands[0]!), value, pieces });
  const name = (step: string): string => `%${value}.${step}`;
  let total = '';
  pieces.forEach(({ from, count }, i) => {
    const filters = form.constant(`#${value}.weights${i}`, () => filtersFor(weights, from, count));
    form.add({ opType: 'Conv', inputs: [parts[i]!, filters], output: name(`block${i}`), attributes: node.onnx.attributes });
    if (i > 0) form.add({ opType: 'Add', inputs: [total, name(`block${i}`)], output: name(`total${i}`) });
    total = i > 0 ? name(`total${i}`) : name('block0');
  });
  const bias = form.constant(`#${value}.bias`, () => ({ ...tensorOf(form, node, 2), dims: [weights.dims[0]!, 1, 1] }));
  const output = form.written(value, 'plain');
  form.add({ opType: 'Add', inputs: [total, bias], output: rectified ? name('sum') : output });
  if (rectified) form.add({ opType: 'Relu', inputs: [name('sum')], output });
}

function writeDepthwise(form: Layout, conv: Convolution): void {
  const { node, value, rectified } = conv;
  const inputs = [form.blocked(node.operands[0]!), form.constant(`#${value}.weights`, () => filtersByChannel(tensorOf(form, node, 1), form.width)), biasOf(form, conv)];
  const width = form.width;
  const groups = Math.ceil(node.output.dims[1]! / width) * width;
  const attributes = attributesOf(node, rectified).map((attribute) => (attribute.name === 'group' ? { ...attribute, value: groups } : attribute));
  form.add({ opType: 'Conv', domain: NCHWC, inputs, output: form.written(value, 'blocked'), attributes });
}

function writePointwise(form: Layout, conv: Convolution): void {
  const { node, value, rectified } = conv;
  const inputs = [form.blocked(node.operands[0]!, true), form.constant(`#${value}.weights`, () => filtersByBlock(tensorOf(form, node, 1), form.width)), biasOf(form, conv)];
  form.add({ opType: 'Conv', domain: NCHWC, inputs, output: form.written(value, 'blocked'), attributes: attributesOf(node, rectified) });
}

/** The kernel for fewer channels than a block has, which reads them as they lie: channel by channel, each a block of the chain. */
function writePlanar(form: Layout, conv: Convolution): void {
  const { node, value, rectified } = conv;
  const inputs = [form.plain(node.operands[0]!), form.constant(`#${value}.weights`, () => filtersByChannel(tensorOf(form, node, 1), form.width)), biasOf(form, conv)];
  form.add({ opType: 'Conv', domain: NCHWC, inputs, output: form.written(value, 'blocked'), attributes: attributesOf(node, rectified) });
}

interface Piece {
  readonly from: number;
  readonly count: number;
}

function piecesOf(channels: number, most: number): Piece[] {
  return Array.from({ length: Math.ceil(channels / most) }, (_, i) => ({ from: i * most, count: Math.min(most, channels - i * most) }));
}

/** Names of the channels of each piece. */
function split(form: Layout, { x, value, pieces }: { x: string; value: number; pieces: readonly Piece[] }): string[] {
  if (pieces.length === 1) return [x];
  const [output, ...furtherOutputs] = pieces.map((_, i) => `%${value}.piece${i}`);
  const sizes = form.constant(`#${value}.sizes`, () => int64List(pieces.map(({ count }) => count)));
  form.add({ opType: 'Split', inputs: [x, sizes], output: output!, furtherOutputs, attributes: [{ name: 'axis', value: 1 }] });
  return [output!, ...furtherOutputs];
}

function biasOf(form: Layout, { node, value }: Convolution): string {
  return form.constant(`#${value}.bias`, () => biasByBlock(tensorOf(form, node, 2), form.width));
}

function tensorOf(form: Layout, node: NumberedNode, slot: number): Tensor {
  return form.graph.initializers[node.operands[slot]!.index]!;
}

function attributesOf(node: NumberedNode, rectified: boolean): readonly WrittenAttribute[] {
  return rectified ? withActivation(node) : node.onnx.attributes;
}

export function withActivation(node: NumberedNode, activation = 'Relu'): WrittenAttribute[] {
  return [{ name: 'activation', value: activation }, ...node.onnx.attributes];
}
