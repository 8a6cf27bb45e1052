import { elementCount } from '#core/hashing';
import type { CanonicalGraph, NumberedNode } from '../numbering.js';

/** A graph in which one node stands for several, and the values that nobody makes any more. */
export interface JoinedGraph {
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

/** Writes several nodes as one where ONNX Runtime has a kernel with the same bits, unless a value between them is given out. */
export function joinNodes(graph: CanonicalGraph, inside: Inside): JoinedGraph {
  const hidden = hiddenValues(graph, inside);
  const joined = new Set<number>();
  const nodes = graph.nodes.map((node, value) => {
    const join = value < inside.first ? undefined : biasedProduct(graph, node, hidden);
    if (join) joined.add(join.without);
    return join?.node ?? node;
  });
  return { graph: { ...graph, nodes }, joined };
}

/** Values with exactly one reader that nobody outside sees. */
function hiddenValues(graph: CanonicalGraph, { first, given }: Inside): Set<number> {
  const readers = new Map<number, number>();
  for (const { operands } of graph.nodes.slice(first)) {
    for (const { kind, index } of operands) if (kind === 'value') readers.set(index, (readers.get(index) ?? 0) + 1);
  }
  return new Set([...readers].flatMap(([value, count]) => (count === 1 && value >= first && !given.has(value) ? [value] : [])));
}

/** A product in a single block and a row added to it: a Gemm adds the block to the row, which is the same sum. */
function biasedProduct(graph: CanonicalGraph, node: NumberedNode, hidden: ReadonlySet<number>): Join | undefined {
  if (node.operator !== 'Add' || node.output.dims.length !== 2 || node.output.dims[1] === 1) return undefined;
  const slot = node.operands.findIndex(({ kind, index }) => kind === 'value' && hidden.has(index) && graph.nodes[index]!.operator === 'MatMul');
  const [product, row] = [node.operands[slot], node.operands[1 - slot]];
  if (!product || row?.kind !== 'initializer' || row.dims.at(-1) !== node.output.dims[1] || elementCount(row.dims) !== row.dims.at(-1) || row.dims.length > 2) return undefined;
  const { operands, attributes: [block] } = graph.nodes[product.index]!;
  if (operands[1]!.kind !== 'initializer' || operands[0]!.dims.length !== 2 || BigInt(operands[0]!.dims[1]!) > block!) return undefined;
  if (product.dims.some((size, axis) => size !== node.output.dims[axis])) return undefined;
  const gemm = { ...node, operator: 'Gemm', operands: [...operands, row], onnx: { opType: 'Gemm', attributes: [], shapeInputs: [] } };
  return { node: gemm, without: product.index };
}
