import { batchMatMulAttributes, f32FromNumber, gemmAttributes } from '#core/numerics';
import { NO_FACTS, type CanonicalNode, type Facts, type GraphBuilder, type Value } from '../graph.js';
import { blockSize, PACKED_BLOCK } from './blocks.js';
import { broadcastDims } from './broadcast.js';
import { matMul } from './matmul.js';
import { reshape, transpose } from './movement.js';

/** a × b for vectors, matrices and stacks of matrices, as numpy's matmul. */
export function product(graph: GraphBuilder, a: Value, b: Value): Value {
  if (a.dims.length === 0 || b.dims.length === 0) throw new RangeError('a scalar has no product of matrices');
  const left = a.dims.length === 1 ? reshape(graph, a, [1, ...a.dims]) : a;
  const right = b.dims.length === 1 ? reshape(graph, b, [...b.dims, 1]) : b;
  if (left.dims.at(-1) !== right.dims.at(-2)) throw new RangeError(`shapes [${a.dims}] and [${b.dims}] do not match`);
  const rows = a.dims.length === 1 ? [] : [left.dims.at(-2)!];
  const columns = b.dims.length === 1 ? [] : [right.dims.at(-1)!];
  const stack = broadcastDims(left.dims.slice(0, -2), right.dims.slice(0, -2));
  return reshape(graph, matrices(graph, left, right), [...stack, ...rows, ...columns]);
}

function matrices(graph: GraphBuilder, a: Value, b: Value): Value {
  if (!isOneMatrix(b)) return stacked(graph, sidesOf(a, b));
  const matrix = reshape(graph, b, b.dims.slice(-2));
  if (matrix.kind === 'constant') return matMul(graph, a, matrix);
  // Single rows of several matrices make one matrix, for which no kernel for single rows is meant.
  const rows = a.dims.at(-2) === 1 ? reshape(graph, a, [a.dims.reduce((x, y) => x * y) / a.dims.at(-1)!, a.dims.at(-1)!]) : a;
  return stacked(graph, sidesOf(rows, matrix));
}

/** True for a matrix, and for a stack of a single one. */
export function isOneMatrix({ dims }: Value): boolean {
  return dims.slice(0, -2).every((size) => size === 1);
}

export interface Stacks {
  readonly a: Value;
  readonly b: Value;
  /** The matrices on that side lie transposed: K×M on the left, N×K on the right. */
  readonly transA: boolean;
  readonly transB: boolean;
}

/** Both sides; of one that only transposes matrices what it transposes, and that it lies so. */
function sidesOf(a: Value, b: Value): Stacks {
  const [left, right] = [untransposed(a), untransposed(b)];
  return { a: left ?? a, b: right ?? b, transA: left !== undefined, transB: right !== undefined };
}

function untransposed(value: Value): Value | undefined {
  if (value.kind !== 'node' || value.node.operator !== 'Transpose') return undefined;
  const rank = value.dims.length;
  const swaps = value.node.attributes.every((axis, i) => Number(axis) === (i < rank - 2 ? i : 2 * rank - 3 - i));
  return swaps ? value.node.operands[0] : undefined;
}

/**
 * Stacks of matrices with a computed right side. A single row is laid as a column, a single column as a row, and said to be
 * transposed: for them as they are MLAS has kernels that round in another order (onnxruntime/core/mlas/lib/sgemm.cpp,
 * MlasSgemmOperation). The elements stay where they are.
 */
export function stacked(graph: GraphBuilder, stacks: Stacks): Value {
  const { a, b, transA, transB } = laid(graph, stacks);
  const [inner, rows] = transA ? a.dims.slice(-2) as [number, number] : a.dims.slice(-2).reverse() as [number, number];
  const columns = b.dims.at(transB ? -2 : -1)!;
  const output = { dtype: a.dtype, dims: [...broadcastDims(a.dims.slice(0, -2), b.dims.slice(0, -2)), rows, columns] };
  const attributes = batchMatMulAttributes({ block: blockSize(columns, inner, transA), transA, transB });
  return graph.add({ operator: 'BatchMatMul', operands: [a, b], attributes, output, onnx: productForm(transA, transB) }, productFacts(a, b));
}

function productForm(transA: boolean, transB: boolean): CanonicalNode['onnx'] {
  if (!transA && !transB) return { opType: 'MatMul', attributes: [], shapeInputs: [] };
  const attributes = [{ name: 'transA', value: transA ? 1 : 0 }, { name: 'transB', value: transB ? 1 : 0 }];
  return { opType: 'FusedMatMul', domain: 'com.microsoft', attributes, shapeInputs: [] };
}

function laid(graph: GraphBuilder, { a, b, transA, transB }: Stacks): Stacks {
  const column = !transA && a.dims.at(-2) === 1;
  const row = !transB && b.dims.at(-1) === 1;
  return { a: column ? turned(graph, a) : a, b: row ? turned(graph, b) : b, transA: transA || column, transB: transB || row };
}

/** The last two sizes exchanged; one of them is 1, so no element moves. */
function turned(graph: GraphBuilder, x: Value): Value {
  return reshape(graph, x, [...x.dims.slice(0, -2), x.dims.at(-1)!, x.dims.at(-2)!]);
}

function productFacts(a: Value, b: Value): Facts {
  const nonNegative = a.facts.nonNegative && b.facts.nonNegative;
  return { ...NO_FACTS, nonNegative, neverNegativeZero: nonNegative, neverMinusInfinity: nonNegative };
}

export interface Gemm extends Stacks {
  readonly c?: Value;
  readonly alpha: number;
  readonly beta: number;
}

/** alpha·a·b + beta·c for matrices. */
export function gemm(graph: GraphBuilder, { c, alpha, beta: given, ...sides }: Gemm): Value {
  const constant = sides.b.kind === 'constant';
  const { a, b, transA, transB } = constant ? sides : laid(graph, sides);
  const [rows, inner] = transA ? [a.dims[1]!, a.dims[0]!] : (a.dims as [number, number]);
  const columns = b.dims[transB ? 0 : 1]!;
  const addend = given === 0 ? undefined : c;
  const beta = addend ? given : 1;
  const onnx = {
    opType: 'Gemm',
    attributes: [
      { name: 'alpha', value: { float: alpha } },
      { name: 'beta', value: { float: beta } },
      { name: 'transA', value: transA ? 1 : 0 },
      { name: 'transB', value: transB ? 1 : 0 },
    ],
    shapeInputs: [],
  };
  // WHY alpha 1: times another factor a block may become −0.
  const neverNegativeZero = alpha === 1 && beta === 1 && (addend?.facts.neverNegativeZero ?? false);
  const block = constant ? PACKED_BLOCK : blockSize(columns, inner, transA);
  const attributes = gemmAttributes({ block, transA, transB, alpha: f32FromNumber(alpha), beta: f32FromNumber(beta) });
  return graph.add({ operator: 'Gemm', operands: addend ? [a, b, addend] : [a, b], attributes, output: { dtype: a.dtype, dims: [rows, columns] }, onnx }, { ...NO_FACTS, neverNegativeZero });
}

/** The matrix transposed where it lies so; a constant is folded. */
export function oriented(graph: GraphBuilder, matrix: Value, transposed: boolean): Value {
  const rank = matrix.dims.length;
  return transposed ? transpose(graph, matrix, [...Array(rank - 2).keys(), rank - 1, rank - 2]) : matrix;
}
