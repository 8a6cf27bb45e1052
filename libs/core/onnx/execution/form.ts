import { elementCount } from '#core/hashing';
import type { OperandRef } from '#core/numerics';
import { shapeName, writeFile, type EmissionParts } from '../emission.js';
import type { CanonicalGraph, NumberedNode } from '../numbering.js';
import { withActivation, writeConv } from './conv.js';
import { expanded } from './expansion.js';
import { fitsFloats, writeInFloats } from './integer-conv.js';
import { joinNodes } from './joining.js';
import { int64List, Layout, NCHWC } from './layout.js';
import { staysLast, writeLast, writeQuantizedConv } from './quantized.js';
import type { BlockWidth } from './weights.js';

export interface FormParts extends EmissionParts {
  readonly width: BlockWidth;
}

/**
 * The file that ONNX Runtime runs for a canonical graph or a part of it: the same values, bit for bit, by the kernels that
 * are fast on a machine with this block width. The runtime's own optimiser stays off: it also takes kernels that round in
 * another order. Which kernel holds which chain: docs/research/execution-form.md.
 */
export function executionForm(graph: CanonicalGraph, parts: FormParts): Uint8Array {
  const form = layOut(graph, parts);
  const { initializers } = form.graph;
  return writeFile(form.graph, { ...parts, initializers }, { nodes: form.nodes, read: form.read, constants: form.constants });
}

/** For each value ONNX Runtime's name of the kernel that makes it in such a file, with the width of its blocks of channels where it has them. */
export function kernelsIn(graph: CanonicalGraph, parts: FormParts): string[] {
  const form = layOut(graph, parts);
  const made = new Map(form.nodes.toReversed().flatMap((node) => [node.output, ...(node.furtherOutputs ?? [])].map((name) => [name, node] as const)));
  return graph.nodes.map((_, value) => {
    const node = form.namesOf(value).flatMap((name) => made.get(name) ?? []).sort((a, b) => form.nodes.indexOf(a) - form.nodes.indexOf(b))[0];
    if (!node) return 'a kernel joined with others';
    return `${node.domain ? `${node.domain}.` : ''}${node.opType}${node.domain === NCHWC ? ` in blocks of ${parts.width}` : ''}`;
  });
}

function layOut(graph: CanonicalGraph, parts: FormParts): Layout {
  const first = parts.firstNode ?? 0;
  const outputs = parts.outputs ?? graph.outputs.map(({ value }) => value);
  const given = new Set(outputs);
  const { graph: whole, joined } = joinNodes({ ...graph, initializers: parts.initializers ?? graph.initializers }, { first, given });
  const form = new Layout(whole, parts.width, { firstNode: first, given });
  const values = [...whole.nodes.keys()].filter((value) => value >= first && !joined.has(value));
  const readers = readersOf(whole, values);
  for (const value of values) if (!form.isWritten(value)) writeNode(form, { value, readers, given });
  for (const value of given) form.plain({ kind: 'value', index: value, ...graph.nodes[value]!.output });
  return form;
}

interface Place {
  readonly value: number;
  /** Numbers of the nodes that read each value. */
  readonly readers: readonly (readonly number[])[];
  /** Values that are given out. */
  readonly given: ReadonlySet<number>;
}

function writeNode(form: Layout, place: Place): void {
  const node = form.graph.nodes[place.value]!;
  if (node.operator === 'Conv') {
    const rectifier = activationOf(form.graph, place, ['Rectify']);
    const value = rectifier ?? place.value;
    const wantsBlocks = place.readers[value]!.some((reader) => isDepthwise(form.graph.nodes[reader]!));
    return writeConv(form, { node, value, rectified: rectifier !== undefined }, wantsBlocks);
  }
  const scaled = node.operator === 'ConvInteger' ? activationOf(form.graph, place, ['DequantizeLinear']) : undefined;
  if (scaled !== undefined && fitsFloats(form, node, form.graph.nodes[scaled]!)) return writeInFloats(form, node, { scaled: form.graph.nodes[scaled]!, value: scaled });
  if (node.operator === 'QLinearConv') return writeQuantizedConv(form, node, place.value);
  if (staysLast(form, node)) return writeLast(form, node, place.value);
  const parts = node.operator === 'Slice' ? splitParts(form.graph, place) : undefined;
  if (parts) return writeSplit(form, node, parts);
  const activation = node.operator === 'Gemm' ? activationOf(form.graph, place, ['Rectify', 'Tanh']) : undefined;
  if (activation !== undefined) {
    const inputs = node.operands.map((operand) => form.plain(operand));
    const attributes = withActivation(node, form.graph.nodes[activation]!.onnx.opType);
    form.add({ opType: 'FusedGemm', domain: 'com.microsoft', inputs, output: form.written(activation, 'plain'), attributes });
  } else if (form.width > 0 && staysBlocked(form, node)) writeBlocked(form, node, place.value);
  else writePlain(form, node, place.value);
}

/** The only reader of a value that nobody else sees, if it is one of these operators. */
function activationOf(graph: CanonicalGraph, { value, readers, given }: Place, operators: readonly string[]): number | undefined {
  const [reader, ...others] = readers[value]!;
  if (reader === undefined || others.length > 0 || given.has(value)) return undefined;
  return operators.includes(graph.nodes[reader]!.operator) ? reader : undefined;
}

function isDepthwise({ operator, operands, attributes }: NumberedNode): boolean {
  return operator === 'Conv' && attributes[8]! > 1n && Number(attributes[8]) === operands[0]!.dims[1] && operands[1]!.dims[0] === operands[0]!.dims[1];
}

const ELEMENTWISE = new Set(['Relu', 'Rectify', 'Add', 'Sub', 'Mul', 'Max', 'Min']);

/** True if a node reads blocks of channels and can leave its result so. */
function staysBlocked(form: Layout, node: NumberedNode): boolean {
  const { operator, operands, output } = node;
  if (!operands.some((operand) => form.isBlocked(operand))) return false;
  if (operator === 'MaxPool') return true;
  if (operator === 'Concat') return node.attributes[0] === 1n && operands.every((operand) => form.isBlocked(operand) && operand.dims[1]! % form.width === 0);
  return ELEMENTWISE.has(operator) && operands.every((operand) => (operand.kind === 'value' && operand.dims.join() === output.dims.join()) || isSingle(operand));
}

const isSingle = ({ kind, dims }: NumberedNode['operands'][number]): boolean => kind === 'initializer' && elementCount(dims) === 1 && dims.length <= 4;

function writeBlocked(form: Layout, node: NumberedNode, value: number): void {
  const inputs = node.operands.map((operand) => (isSingle(operand) ? form.plain(operand) : form.blocked(operand)));
  const domain = node.operator === 'MaxPool' ? NCHWC : node.onnx.domain;
  form.add({ opType: node.onnx.opType, ...(domain && { domain }), inputs, output: form.written(value, 'blocked'), attributes: node.onnx.attributes });
}

function writePlain(form: Layout, node: NumberedNode, value: number): void {
  const { opType, domain, attributes, shapeInputs } = node.onnx;
  const shapes = shapeInputs.map((tensor, i) => form.constant(shapeName(value, i), () => tensor));
  const inputs = [...node.operands.map((operand) => expanded(form, node, operand) ?? form.plain(operand)), ...shapes];
  form.add({ opType, ...(domain && { domain }), inputs, output: form.written(value, 'plain'), attributes });
}

interface SplitParts {
  readonly axis: number;
  /** The values cut out, in order, and their sizes along the axis. */
  readonly values: readonly number[];
  readonly sizes: readonly number[];
}

/** The slices of one operand if together they are all of it, side by side along one axis. */
function splitParts({ nodes }: CanonicalGraph, { value, readers }: Place): SplitParts | undefined {
  const [source] = nodes[value]!.operands as [OperandRef];
  if (source.kind !== 'value') return undefined;
  const rank = source.dims.length;
  const axis = nodes[value]!.output.dims.findIndex((size, at) => size !== source.dims[at]);
  const startOf = (slice: number): number => Number(nodes[slice]!.attributes[axis]);
  const values = readers[source.index]!.filter((reader) => nodes[reader]!.operator === 'Slice' && isCutAlong(nodes[reader]!, axis)).sort((a, b) => startOf(a) - startOf(b));
  const sizes = values.map((slice) => nodes[slice]!.output.dims[axis]!);
  const end = values.reduce((at, slice, i) => (startOf(slice) === at ? at + sizes[i]! : NaN), 0);
  return axis >= 0 && axis < rank && values.length > 1 && values.includes(value) && end === source.dims[axis] ? { axis, values, sizes } : undefined;
}

/** True for a slice of neighbours along one axis and all there is along the others. */
function isCutAlong({ operands, attributes, output }: NumberedNode, axis: number): boolean {
  const { dims } = operands[0]!;
  return dims.every((size, at) => attributes[dims.length + at] === 1n && (at === axis || output.dims[at] === size));
}

function writeSplit(form: Layout, { operands }: NumberedNode, { axis, values, sizes }: SplitParts): void {
  const x = form.plain(operands[0]!);
  const lengths = form.constant(`#${values[0]!}.sizes`, () => int64List(sizes));
  const [output, ...furtherOutputs] = values.map((value) => form.written(value, 'plain'));
  form.add({ opType: 'Split', inputs: [x, lengths], output: output!, furtherOutputs, attributes: [{ name: 'axis', value: axis }] });
}

function readersOf({ nodes }: CanonicalGraph, values: readonly number[]): number[][] {
  const readers = nodes.map((): number[] => []);
  for (const reader of values) {
    const read = nodes[reader]!.operands.flatMap(({ kind, index }) => (kind === 'value' ? [index] : []));
    for (const value of new Set(read)) readers[value]!.push(reader);
  }
  return readers;
}
