import { attribute, checkedAttribute, checkForm, expect, operand } from '../checks.js';
import type { Descriptor } from '../descriptor.js';
import type { Operator } from '../operator.js';
import { blockSteps, foldInto, multiplyInto, stageAt, type Blocks } from '../reduction.js';
import { sameDims } from '../shapes.js';

export interface MatMulAttributes {
  /** Products per block of the sum: what the runtime's kernel takes, chosen by the compiler. */
  readonly block: number;
}

export function matMulAttributes({ block }: MatMulAttributes): bigint[] {
  return [BigInt(block)];
}

function blocksOf(d: Descriptor): Blocks {
  return { length: operand(d, 1).dims[0]!, block: attribute(d, 0) };
}

/** …×M×K times K×N: per block of K `block = fma(a, b, block)` from +0 in the order of K; the first block is the total, each further one is added to it. */
export const matMul: Operator = {
  name: 'MatMul',
  code: 33,

  check(d) {
    checkForm(d, { operands: 2, attributes: 1, dtype: 'float32' });
    const [a, b] = [operand(d, 0).dims, operand(d, 1).dims];
    expect(a.length >= 2 && b.length === 2, 'a product takes at least two dimensions on the left and two on the right');
    expect(a.at(-1) === b[0] && b[0]! >= 1, 'inner dimensions differ or are empty');
    expect(sameDims(d.output.dims, [...a.slice(0, -1), b[1]!]), 'output has another shape than the product');
    checkedAttribute(d, 0, 1);
  },

  steps: (d) => blockSteps(blocksOf(d)),

  operands(d, { element, step }) {
    const stage = stageAt(blocksOf(d), step);
    if (stage === 'done' || 'fold' in stage) return [];
    const [inner, columns] = operand(d, 1).dims as [number, number];
    const row = Math.floor(element / columns);
    return [
      { slot: 0, element: row * inner + stage.product },
      { slot: 1, element: stage.product * columns + (element % columns) },
    ];
  },

  apply(d, { step }, state, words) {
    const stage = stageAt(blocksOf(d), step);
    if (stage === 'done') return state;
    return 'fold' in stage ? foldInto(state, stage.fold) : multiplyInto(state, Number(words[0]), Number(words[1]));
  },
};
