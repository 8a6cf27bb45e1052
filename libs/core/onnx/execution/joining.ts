import { DTYPES, elementCount, type Tensor } from '#core/hashing';
import type { OperandRef } from '#core/numerics';
import { floatsOf } from '../canonical/constants.js';
import type { CanonicalGraph, NumberedNode } from '../numbering.js';

/** A graph in which one node stands for several, and the values that nobody makes any more. */
export interface JoinedGraph {
  /** With further initializers at the end. */
  readonly graph: CanonicalGraph;
  readonly joined: ReadonlySet<number>;
}

/** Values from one on that only the nodes of the graph read: what a joined node need not give. */
interface Inside {
  readonly first: number;
  readonly given: ReadonlySet<number>;
}

interface Join {
  readonly node: NumberedNode;
  /** The value that it no longer needs. */
  readonly without: number;
}

/** A graph while its nodes are joined, in order: those before the one looked at are joined already. */
interface Joining {
  readonly nodes: NumberedNode[];
  readonly initializers: Tensor[];
  /** Values with exactly one reader that nobody outside sees. */
  readonly hidden: ReadonlySet<number>;
}

/** Writes several nodes as one where ONNX Runtime has a kernel with the same bits, unless a value between them is given out. */
export function joinNodes(graph: CanonicalGraph, inside: Inside): JoinedGraph {
  const joining: Joining = { nodes: [...graph.nodes], initializers: [...graph.initializers], hidden: hiddenValues(graph, inside) };
  const joined = new Set<number>();
  for (let value = inside.first; value < joining.nodes.length; value++) {
    const node = joining.nodes[value]!;
    const join = JOINS[node.operator]?.(joining, node);
    if (!join) continue;
    joining.nodes[value] = join.node;
    joined.add(join.without);
  }
  return { graph: { ...graph, nodes: joining.nodes, initializers: joining.initializers }, joined };
}

function hiddenValues(graph: CanonicalGraph, { first, given }: Inside): Set<number> {
  const readers = new Map<number, number>();
  for (const { operands } of graph.nodes.slice(first)) {
    for (const { kind, index } of operands) if (kind === 'value') readers.set(index, (readers.get(index) ?? 0) + 1);
  }
  return new Set([...readers].flatMap(([value, count]) => (count === 1 && value >= first && !given.has(value) ? [value] : [])));
}

type JoinRule = (joining: Joining, node: NumberedNode) => Join | undefined;

/** By the operator of the last node, whose value stays. */
const JOINS: Readonly<Record<string, JoinRule>> = { Add: biasedProduct, Mul: scaledProduct, Slice: columnsOfProduct, Min: bounded };

/** The hidden operand that one of the operators makes, the node that does, and the operands beside it. */
function madeBy({ nodes, hidden }: Joining, { operands }: NumberedNode, operators: readonly string[]): { value: number; made: NumberedNode; others: readonly OperandRef[] } | undefined {
  const slot = operands.findIndex(({ kind, index }) => kind === 'value' && hidden.has(index) && operators.includes(nodes[index]!.operator));
  return slot < 0 ? undefined : { value: operands[slot]!.index, made: nodes[operands[slot]!.index]!, others: operands.toSpliced(slot, 1) };
}

const sameDims = (a: { dims: readonly number[] }, b: { dims: readonly number[] }): boolean => a.dims.join() === b.dims.join();

/** A product in a single block and a row added to it: a Gemm adds the block to the row, which is the same sum. */
function biasedProduct(joining: Joining, node: NumberedNode): Join | undefined {
  const found = node.output.dims.length === 2 ? madeBy(joining, node, ['MatMul']) : undefined;
  const row = found?.others[0];
  if (!found || row?.kind !== 'initializer' || row.dims.at(-1) !== node.output.dims[1] || elementCount(row.dims) !== row.dims.at(-1) || row.dims.length > 2) return undefined;
  const { operands, attributes: [block], onnx, output } = found.made;
  if (onnx.opType !== 'MatMul' || operands[1]!.kind !== 'initializer' || operands[0]!.dims.length !== 2 || BigInt(operands[0]!.dims[1]!) > block!) return undefined;
  if (!sameDims(output, node.output)) return undefined;
  const gemm = { ...node, operator: 'Gemm', operands: [...operands, row], onnx: { opType: 'Gemm', attributes: [], shapeInputs: [] } };
  return { node: gemm, without: found.value };
}

/** A product in a single block times a number: FusedMatMul multiplies the block by it, which is the same product. */
function scaledProduct(joining: Joining, node: NumberedNode): Join | undefined {
  const found = madeBy(joining, node, ['MatMul', 'BatchMatMul']);
  const factor = found?.others[0];
  if (!found || factor?.kind !== 'initializer' || elementCount(factor.dims) !== 1 || !sameDims(found.made.output, node.output)) return undefined;
  const { operands, attributes: [block, transA], onnx } = found.made;
  const inner = operands[0]!.dims.at(transA === 1n ? -2 : -1)!;
  const [alpha] = floatsOf(joining.initializers[factor.index]!) as [number];
  if (BigInt(inner) > block! || !(alpha >= 2 ** -126 && alpha < Infinity) || onnx.attributes.some(({ name }) => name === 'alpha')) return undefined;
  const attributes = [{ name: 'alpha', value: { float: alpha } }, ...onnx.attributes];
  return { node: { ...found.made, onnx: { opType: 'FusedMatMul', domain: 'com.microsoft', attributes, shapeInputs: [] } }, without: found.value };
}

/** Some columns of a product with a constant matrix: the product with these columns of the matrix alone. */
function columnsOfProduct(joining: Joining, node: NumberedNode): Join | undefined {
  const found = madeBy(joining, node, ['MatMul', 'Gemm']);
  if (!found || found.made.operands[1]!.kind !== 'initializer') return undefined;
  const rank = node.output.dims.length;
  const [starts, steps] = [node.attributes.slice(0, rank), node.attributes.slice(rank)];
  if (steps.some((step) => step !== 1n) || !sameDims({ dims: node.output.dims.slice(0, -1) }, { dims: found.made.output.dims.slice(0, -1) })) return undefined;
  const columns = { from: Number(starts.at(-1)), count: node.output.dims.at(-1)! };
  const transposed = found.made.onnx.attributes.some(({ name, value }) => name === 'transB' && value === 1);
  const [a, matrix, row] = found.made.operands as [OperandRef, OperandRef, OperandRef?];
  if (row && row.kind !== 'initializer') return undefined;
  const operands = [a, cut(joining, matrix, { ...columns, axis: transposed ? 0 : 1 }), ...(row ? [row.dims.at(-1) === 1 ? row : cut(joining, row, { ...columns, axis: row.dims.length - 1 })] : [])];
  return { node: { ...found.made, operands, output: node.output }, without: found.value };
}

/** A further initializer: `count` places of another along one axis. */
function cut({ initializers }: Joining, { index, dims, dtype }: OperandRef, { axis, from, count }: { axis: number; from: number; count: number }): OperandRef {
  const source = initializers[index]!.data;
  const size = elementCount(dims.slice(axis + 1)) * DTYPES[dtype].size;
  const [all, some] = [dims[axis]! * size, count * size];
  const data = new Uint8Array((source.length / all) * some);
  for (let at = 0; at < source.length / all; at++) data.set(source.subarray(at * all + from * size, at * all + from * size + some), at * some);
  const header = { dtype, dims: dims.with(axis, count) };
  return { kind: 'initializer', index: initializers.push({ ...header, data }) - 1, ...header };
}

/** Integers brought between two constants. */
function bounded(joining: Joining, node: NumberedNode): Join | undefined {
  if (node.output.dtype !== 'int64' && node.output.dtype !== 'int32') return undefined;
  const found = madeBy(joining, node, ['Max']);
  if (!found || !sameDims(found.made.output, node.output)) return undefined;
  const [x, least, most] = [...found.made.operands, found.others[0]!] as [OperandRef, OperandRef, OperandRef];
  if (!sameDims(x, node.output) || [least, most].some(({ kind, dims }) => kind !== 'initializer' || dims.length > 0)) return undefined;
  return { node: { ...node, operator: 'Clip', operands: [x, least, most], onnx: { opType: 'Clip', attributes: [], shapeInputs: [] } }, without: found.value };
}
