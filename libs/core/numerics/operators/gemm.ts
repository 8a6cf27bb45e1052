import { attribute, checkedAttribute, checkForm, expect, operand } from '../checks.js';
import type { Descriptor } from '../descriptor.js';
import { F32_ONE, f32Canonical, f32Fma, f32Mul } from '../float32.js';
import type { OperandElement, Operator } from '../operator.js';
import { blockOf, blockSteps, multiplyInto, stageAt, stateOf, totalOf, type Blocks } from '../reduction.js';
import { broadcastIndex, broadcastsTo, sameDims } from '../shapes.js';
import { matrixDims, matrixIndex } from './batch-matmul.js';

export interface GemmAttributes {
  /** Products per block of the sum: what the runtime's kernel takes, chosen by the compiler. */
  readonly block: number;
  readonly transA: boolean;
  readonly transB: boolean;
  /** As float32 bits. */
  readonly alpha: number;
  /** As float32 bits; what an addend is multiplied with. */
  readonly beta: number;
}

export function gemmAttributes({ block, transA, transB, alpha, beta }: GemmAttributes): bigint[] {
  return [block, transA ? 1 : 0, transB ? 1 : 0, alpha, beta].map(BigInt);
}

const [BLOCK, TRANS_A, TRANS_B, ALPHA, BETA] = [0, 1, 2, 3, 4];
const ADDEND = 2;
const LARGEST_FINITE = 0xff7fffff;

const transposed = (d: Descriptor, slot: 0 | 1): boolean => attribute(d, slot === 0 ? TRANS_A : TRANS_B) === 1;
const matrixOf = (d: Descriptor, slot: 0 | 1): [number, number] => matrixDims(operand(d, slot).dims, transposed(d, slot));
const hasAddend = (d: Descriptor): boolean => d.operands.length > ADDEND;

function blocksOf(d: Descriptor): Blocks {
  return { length: matrixOf(d, 1)[0], block: attribute(d, BLOCK) };
}

/**
 * alpha·A·B + beta·C for matrices, C broadcast. The total starts at round(beta·c), or without C at the first block times
 * alpha; every block enters it as fma(block, alpha, total). Source: onnxruntime/core/mlas/lib/sgemm.cpp
 * (MlasSgemmMultiplyBeta, MlasSgemmKernelLoop) and onnxruntime/core/providers/cpu/math/gemm.cc (GemmBroadcastBias).
 * One micro-step reads c where there is one, then one per product and one per block.
 */
export const gemm: Operator = {
  name: 'Gemm',
  code: 35,

  check(d) {
    checkForm(d, { operands: [2, 3], attributes: 5, dtype: 'float32' });
    expect(operand(d, 0).dims.length === 2 && operand(d, 1).dims.length === 2, 'both sides are matrices');
    checkedAttribute(d, BLOCK, 1);
    for (const at of [TRANS_A, TRANS_B]) checkedAttribute(d, at, 0, 1);
    for (const at of [ALPHA, BETA]) expect((checkedAttribute(d, at, 0, LARGEST_FINITE) & 0x7f800000) !== 0x7f800000, `attribute ${at} is not finite`);
    const [a, b] = [matrixOf(d, 0), matrixOf(d, 1)];
    expect(a[1] === b[0] && b[0] >= 1, 'inner dimensions differ or are empty');
    expect(sameDims(d.output.dims, [a[0], b[1]]), 'output has another shape than the product');
    expect(!hasAddend(d) || broadcastsTo(operand(d, ADDEND).dims, d.output.dims), 'the addend does not broadcast to the output');
  },

  steps: (d) => blockSteps(blocksOf(d)) + (hasAddend(d) ? 1 : 0),

  operands(d, { element, step }) {
    const product = hasAddend(d) ? step - 1 : step;
    if (product < 0) return [{ slot: ADDEND, element: broadcastIndex(element, d.output.dims, operand(d, ADDEND).dims) }];
    const stage = stageAt(blocksOf(d), product);
    return stage === 'done' || 'fold' in stage ? [] : productOperands(d, element, stage.product);
  },

  apply(d, { step }, state, words) {
    const product = hasAddend(d) ? step - 1 : step;
    if (product < 0) return stateOf(scaled(Number(words[0]), attribute(d, BETA)), 0);
    const stage = stageAt(blocksOf(d), product);
    if (stage === 'done') return state;
    if ('product' in stage) return multiplyInto(state, Number(words[0]), Number(words[1]));
    const alpha = attribute(d, ALPHA);
    const [total, block] = [totalOf(state), blockOf(state)];
    return stateOf(stage.fold === 0 && !hasAddend(d) ? scaled(block, alpha) : f32Fma(block, alpha, total), 0);
  },
};

const scaled = (x: number, factor: number): number => (factor === F32_ONE ? f32Canonical(x) : f32Mul(x, factor));

function productOperands(d: Descriptor, element: number, k: number): OperandElement[] {
  const columns = d.output.dims[1]!;
  return [
    { slot: 0, element: matrixIndex([Math.floor(element / columns), k], matrixOf(d, 0), transposed(d, 0)) },
    { slot: 1, element: matrixIndex([k, element % columns], matrixOf(d, 1), transposed(d, 1)) },
  ];
}
