import { f32Add, f32Fma } from './float32.js';

/**
 * A sum of `length` products in blocks: in each block one micro-step per product, then one that folds the block into the
 * total. This is the order in which MLAS computes matrix products (onnxruntime/core/mlas/lib/sgemm.cpp).
 */
export interface Blocks {
  readonly length: number;
  readonly block: number;
}

/** Where a micro-step stands: at product k, at the fold that closes block number `block`, or past the reduction. */
export type Stage = { readonly product: number } | { readonly fold: number } | 'done';

export function blockSteps({ length, block }: Blocks): number {
  return length + Math.ceil(length / block);
}

export function stageAt(blocks: Blocks, step: number): Stage {
  if (step >= blockSteps(blocks)) return 'done';
  const number = Math.floor(step / (blocks.block + 1));
  const within = step % (blocks.block + 1);
  const size = Math.min(blocks.block, blocks.length - number * blocks.block);
  return within < size ? { product: number * blocks.block + within } : { fold: number };
}

const HALF = 32n;
const LOW = 0xffffffffn;

/** The running total: the low half of the state. */
export function totalOf(state: bigint): number {
  return Number(state & LOW);
}

/** The running block: the high half of the state. */
export function blockOf(state: bigint): number {
  return Number((state >> HALF) & LOW);
}

export function stateOf(total: number, block: number): bigint {
  return (BigInt(block) << HALF) | BigInt(total);
}

/** block = fma(a, b, block) */
export function multiplyInto(state: bigint, a: number, b: number): bigint {
  return stateOf(totalOf(state), f32Fma(a, b, blockOf(state)));
}

/** total = block for the first block, total + block for later ones; then block = +0. */
export function foldInto(state: bigint, fold: number): bigint {
  return stateOf(fold === 0 ? blockOf(state) : f32Add(totalOf(state), blockOf(state)), 0);
}
