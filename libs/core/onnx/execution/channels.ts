import type { Tensor } from '#core/hashing';
import { elementCount } from '#core/hashing';
import type { CanonicalGraph, NumberedNode } from '../numbering.js';

/** Places of the canonical channels, in the order in which a value has them. */
export type ChannelOrder = readonly number[];

const ELEMENTWISE = new Set(['Relu', 'Rectify', 'Add', 'Sub', 'Mul', 'Max', 'Min', 'QuantizeLinear', 'DequantizeLinear', 'Cast']);

/** True for a node that treats all elements of its values alike. */
export function isAlike({ operator, operands, output }: NumberedNode): boolean {
  if (!ELEMENTWISE.has(operator)) return false;
  return operands.every(({ kind, dims }) => (kind === 'value' && dims.join() === output.dims.join()) || (kind === 'initializer' && elementCount(dims) === 1 && dims.length <= output.dims.length));
}

const groupsOf = ({ attributes }: NumberedNode): number => Number(attributes[8]);

/** True if a quantised convolution has one filter and one channel per group. */
export function isQuantizedDepthwise(node: NumberedNode): boolean {
  if (node.operator !== 'QLinearConv') return false;
  const [filters, channels] = node.operands[3]!.dims;
  return channels === 1 && groupsOf(node) > 1 && filters === groupsOf(node);
}

/** Weights of a quantised convolution all of whose parameters are constants, so that its channels can be put in another order. */
function movableWeights(graph: CanonicalGraph, { operator, operands }: NumberedNode): Tensor | undefined {
  if (operator !== 'QLinearConv' || operands[0]!.kind !== 'value' || operands.slice(1).some(({ kind }) => kind !== 'initializer')) return undefined;
  return graph.initializers[operands[3]!.index];
}

/**
 * True if uint8 numbers times these two weights of one place, which a kernel for machines without VNNI adds in 16 bits
 * (vpmaddubsw), cannot leave int16: 255 · 128 is the most that fits.
 */
function fitTogether(weights: Tensor, [a, b]: readonly [number, number]): boolean {
  const [filters, channels, ...kernel] = weights.dims as [number, number, ...number[]];
  const taps = elementCount(kernel);
  const { data } = weights;
  for (let filter = 0; filter < filters; filter++) {
    const row = filter * channels * taps;
    for (let tap = 0; tap < taps; tap++) if (!fits(data[row + a * taps + tap]!, data[row + b * taps + tap]!)) return false;
  }
  return true;
}

/** Bytes of uint8 weights, of which 128 more than the int8 ones. */
function fits(first: number, second: number): boolean {
  const [a, b] = [first - 128, second - 128];
  return Math.max(a, 0) + Math.max(b, 0) <= 128 && Math.min(a, 0) + Math.min(b, 0) >= -128;
}

/** True if no pair of weights that follow each other in the order (ky, kx, c) can saturate; `order`: of the channels. */
export function neverSaturates(weights: Tensor, order: ChannelOrder | undefined): boolean {
  const [filters, channels, ...kernel] = weights.dims as [number, number, ...number[]];
  const taps = elementCount(kernel);
  const at = (filter: number, k: number): number => {
    const place = k % channels;
    return k < channels * taps ? weights.data[(filter * channels + (order?.[place] ?? place)) * taps + Math.floor(k / channels)]! : 128;
  };
  for (let filter = 0; filter < filters; filter++) {
    for (let k = 0; k < channels * taps; k += 2) if (!fits(at(filter, k), at(filter, k + 1))) return false;
  }
  return true;
}

/** Values whose channels must be in one order: what is computed from each other element by element or channel by channel. */
interface Family {
  readonly values: number[];
  /** Every value is made, and every one read, by nodes that take the channels in any order. */
  free: boolean;
  /** Weights of the dense convolutions that read one. */
  readonly readers: Tensor[];
}

export interface OrderParts {
  readonly firstNode: number;
  /** Values that are given out. */
  readonly given: ReadonlySet<number>;
}

/** The order of channels of each value that has another than the canonical one, so that its readers' weights cannot saturate. */
export function channelOrders(graph: CanonicalGraph, parts: OrderParts): Map<number, ChannelOrder> {
  const orders = new Map<number, ChannelOrder>();
  for (const { values, free, readers } of families(graph, parts)) {
    const order = free && readers.length > 0 ? pairedOrder(readers) : undefined;
    if (order) for (const value of values) orders.set(value, order);
  }
  return orders;
}

function families(graph: CanonicalGraph, { firstNode, given }: OrderParts): Set<Family> {
  const familyOf: Family[] = graph.nodes.map((_, value) => ({ values: [value], free: !given.has(value) && value >= firstNode, readers: [] }));
  const join = (a: number, b: number): void => {
    const [into, from] = [familyOf[a]!, familyOf[b]!];
    if (into === from) return;
    into.free &&= from.free;
    into.readers.push(...from.readers);
    for (const value of from.values) into.values.push(value), (familyOf[value] = into);
  };
  for (let value = firstNode; value < graph.nodes.length; value++) {
    const node = graph.nodes[value]!;
    const read = node.operands.flatMap(({ kind, index }) => (kind === 'value' ? [index] : []));
    const weights = movableWeights(graph, node);
    if (isAlike(node) || (weights && isQuantizedDepthwise(node))) {
      for (const other of read) join(value, other);
    } else if (weights && groupsOf(node) === 1) {
      familyOf[read[0]!]!.readers.push(weights);
    } else {
      for (const other of [value, ...read]) familyOf[other]!.free = false;
    }
  }
  return new Set(familyOf);
}

/**
 * An order of channels in which no two that follow each other, from the first on, are a pair that can saturate: where two
 * are, the second changes places with that of another pair. Undefined if the canonical order will do or none was found.
 */
function pairedOrder(readers: readonly Tensor[]): ChannelOrder | undefined {
  const channels = readers[0]!.dims[1]!;
  const order = Array.from({ length: channels }, (_, i) => i);
  const fit = (i: number, j: number): boolean => readers.every((weights) => fitTogether(weights, [order[i]!, order[j]!]));
  let changed = false;
  for (let i = 0; i + 1 < channels; i += 2) {
    if (fit(i, i + 1)) continue;
    for (let j = 0; j + 1 < channels; j += 2) {
      if (j === i || !fit(i, j + 1) || !fit(j, i + 1)) continue;
      [order[i + 1], order[j + 1]] = [order[j + 1]!, order[i + 1]!];
      changed = true;
      break;
    }
  }
  return changed ? order : undefined;
}
