import { attribute, checkedAttribute, checkForm, expect, operand } from '../checks.js';
import type { Descriptor } from '../descriptor.js';
import type { OperandElement, Operator } from '../operator.js';
import { blockSteps, foldInto, multiplyInto, stageAt, type Blocks } from '../reduction.js';
import { broadcastIndex, broadcastsTo, elementCount, sameDims } from '../shapes.js';

export interface BatchMatMulAttributes {
  /** Products per block of the sum: what the runtime's kernel takes, chosen by the compiler. */
  readonly block: number;
  /** The matrices on that side lie transposed: K×M on the left, N×K on the right. */
  readonly transA: boolean;
  readonly transB: boolean;
}

export function batchMatMulAttributes({ block, transA, transB }: BatchMatMulAttributes): bigint[] {
  return [block, transA ? 1 : 0, transB ? 1 : 0].map(BigInt);
}

/** Rows and columns of the matrices on one side, as they enter the product. */
export function matrixDims(dims: readonly number[], transposed: boolean): [number, number] {
  const [rows, columns] = dims.slice(-2) as [number, number];
  return transposed ? [columns, rows] : [rows, columns];
}

/** Index of an element of a matrix that may lie transposed. */
export function matrixIndex([row, column]: readonly [number, number], [rows, columns]: readonly [number, number], transposed: boolean): number {
  return transposed ? column * rows + row : row * columns + column;
}

/** Both sides' matrices and whether they lie transposed. */
function sidesOf(d: Descriptor): { a: [number, number]; b: [number, number]; transA: boolean; transB: boolean } {
  const [transA, transB] = [attribute(d, 1) === 1, attribute(d, 2) === 1];
  return { a: matrixDims(operand(d, 0).dims, transA), b: matrixDims(operand(d, 1).dims, transB), transA, transB };
}

function blocksOf(d: Descriptor): Blocks {
  return { length: sidesOf(d).b[0], block: attribute(d, 0) };
}

/** Stacks of matrices, M×K times K×N each, the stacks broadcast: products in the order of K, in blocks as MatMul; the block's size follows from N and K. */
export const batchMatMul: Operator = {
  name: 'BatchMatMul',
  code: 34,

  check(d) {
    checkForm(d, { operands: 2, attributes: 3, dtype: 'float32' });
    const batches = d.operands.map(({ dims }) => dims.slice(0, -2));
    expect(d.operands.every(({ dims }) => dims.length >= 2), 'a product takes at least two dimensions on both sides');
    checkedAttribute(d, 0, 1);
    for (const at of [1, 2]) checkedAttribute(d, at, 0, 1);
    const { a, b } = sidesOf(d);
    expect(a[1] === b[0] && b[0] >= 1, 'inner dimensions differ or are empty');
    expect(sameDims(d.output.dims.slice(-2), [a[0], b[1]]), 'output has another shape than the product');
    const stack = d.output.dims.slice(0, -2);
    const largest = stack.map((_, axis) => Math.max(...batches.map((dims) => dims.at(axis - stack.length) ?? 1)));
    expect(batches.every((dims) => broadcastsTo(dims, stack)) && sameDims(stack, largest), 'the stacks do not broadcast to the output’s');
  },

  steps: (d) => blockSteps(blocksOf(d)),

  operands(d, { element, step }) {
    const stage = stageAt(blocksOf(d), step);
    return stage === 'done' || 'fold' in stage ? [] : productOperands(d, element, stage.product);
  },

  apply(d, { step }, state, words) {
    const stage = stageAt(blocksOf(d), step);
    if (stage === 'done') return state;
    return 'fold' in stage ? foldInto(state, stage.fold) : multiplyInto(state, Number(words[0]), Number(words[1]));
  },
};

function productOperands(d: Descriptor, element: number, k: number): OperandElement[] {
  const { a, b, transA, transB } = sidesOf(d);
  const [rows, columns] = [a[0], b[1]];
  const [row, column] = [Math.floor(element / columns) % rows, element % columns];
  const matrix = Math.floor(element / (rows * columns));
  const stack = d.output.dims.slice(0, -2);
  const start = (slot: number): number => broadcastIndex(matrix, stack, operand(d, slot).dims.slice(0, -2)) * elementCount(operand(d, slot).dims.slice(-2));
  return [
    { slot: 0, element: start(0) + matrixIndex([row, k], a, transA) },
    { slot: 1, element: start(1) + matrixIndex([k, column], b, transB) },
  ];
}
