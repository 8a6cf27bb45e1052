import { elementCount } from '#core/hashing';
import { shapeName, writeFile, type EmissionParts } from '../emission.js';
import type { CanonicalGraph, NumberedNode } from '../numbering.js';
import { withActivation, writeConv } from './conv.js';
import { Layout, NCHWC } from './layout.js';
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
  const first = parts.firstNode ?? 0;
  const outputs = parts.outputs ?? graph.outputs.map(({ value }) => value);
  const given = new Set(outputs);
  const form = new Layout({ ...graph, initializers: parts.initializers ?? graph.initializers }, parts.width, { firstNode: first, given });
  const readers = readersOf(graph, first);
  for (let value = first; value < graph.nodes.length; value++) {
    if (!form.isWritten(value)) writeNode(form, { value, readers, given });
  }
  for (const value of given) form.plain({ kind: 'value', index: value, ...graph.nodes[value]!.output });
  return writeFile(graph, parts, { nodes: form.nodes, read: form.read, constants: form.constants });
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
    const rectifier = rectifierOf(form.graph, place);
    const value = rectifier ?? place.value;
    const wantsBlocks = place.readers[value]!.some((reader) => isDepthwise(form.graph.nodes[reader]!));
    return writeConv(form, { node, value, rectified: rectifier !== undefined }, wantsBlocks);
  }
  if (node.operator === 'QLinearConv') return writeQuantizedConv(form, node, place.value);
  if (staysLast(form, node)) return writeLast(form, node, place.value);
  const rectifier = node.operator === 'Gemm' && node.output.dims[1]! > 1 ? rectifierOf(form.graph, place) : undefined;
  if (rectifier !== undefined) {
    const inputs = node.operands.map((operand) => form.plain(operand));
    form.add({ opType: 'FusedGemm', domain: 'com.microsoft', inputs, output: form.written(rectifier, 'plain'), attributes: withActivation(node) });
  } else if (form.width > 0 && staysBlocked(form, node)) writeBlocked(form, node, place.value);
  else writePlain(form, node, place.value);
}

/** The only reader of a value that nobody else sees, if it rectifies it. */
function rectifierOf(graph: CanonicalGraph, { value, readers, given }: Place): number | undefined {
  const [reader, ...others] = readers[value]!;
  if (reader === undefined || others.length > 0 || given.has(value)) return undefined;
  return graph.nodes[reader]!.operator === 'Rectify' ? reader : undefined;
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
  const inputs = [...node.operands.map((operand) => form.plain(operand)), ...shapes];
  form.add({ opType, ...(domain && { domain }), inputs, output: form.written(value, 'plain'), attributes });
}

function readersOf(graph: CanonicalGraph, first: number): number[][] {
  const readers = graph.nodes.map((): number[] => []);
  graph.nodes.slice(first).forEach(({ operands }, i) => {
    for (const value of new Set(operands.flatMap(({ kind, index }) => (kind === 'value' ? [index] : [])))) readers[value]!.push(first + i);
  });
  return readers;
}
