import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { elementWord, type Root } from '#core/hashing';
import { matMulAttributes, operatorByCode, statesOf, type StepAt } from '#core/numerics';
import { seededRandom } from '#testing';
import { float32, makeCase } from './case.js';
import { Judge } from './judge.js';
import { floats } from './values.js';
import { Witness, type JudgeArguments } from './witness.js';

const random = seededRandom(41);
const subject = makeCase(random, {
  operator: 'MatMul',
  attributes: matMulAttributes({ block: 4 }),
  operands: [{ tensor: floats(random, [3, 9], { style: 'plain' }) }, { tensor: floats(random, [9, 5], { style: 'plain' }), constant: true }],
  output: float32([3, 5]),
});
const AT: StepAt = { element: 7, step: 6 };
const states = statesOf(subject.descriptor, AT.element, (slot, element) => elementWord(subject.tensors[slot]!, element));
const honest = new Witness(subject).judgeArguments(AT, states[AT.step - 1]!);

let judge: Judge;
beforeAll(async () => {
  judge = await Judge.start();
});
afterAll(() => judge?.stop());

const ask = async (args: JudgeArguments) => (await judge.ask([args]))[0];

function with0<T>([first, ...rest]: readonly T[], change: Partial<T>): T[] {
  return [{ ...first!, ...change }, ...rest];
}

const flip = (root: Root): Root => `${root.slice(0, -1)}${root.endsWith('0') ? '1' : '0'}` as Root;

describe('judge', () => {
  test('computes the state of an honest witness', async () => {
    expect(await ask(honest)).toMatchObject({ stepCount: BigInt(operatorByCode(subject.descriptor.op).steps(subject.descriptor)), state: states[AT.step] });
  });

  test('answers a false step count with the true one and looks at nothing else', async () => {
    const [descriptor, roots, step] = honest;
    expect(await ask([descriptor, roots, { ...step, stepCount: 11n }, []])).toMatchObject({ stepCount: 12n, state: 0n });
  });

  const [descriptor, roots, step, openings] = honest;
  const [first] = openings;
  const tampered: [string, JudgeArguments][] = [
    ['a chunk with another bit', [descriptor, roots, step, with0(openings, { chunk: flip(first!.chunk) })]],
    ['a sibling with another bit', [descriptor, roots, step, with0(openings, { siblings: first!.siblings.with(-1, flip(first!.siblings.at(-1)!)) })]],
    ['a sibling too few', [descriptor, roots, step, with0(openings, { siblings: first!.siblings.slice(0, -1) })]],
    ['a sibling too many', [descriptor, roots, step, with0(openings, { siblings: [...first!.siblings, first!.chunk] })]],
    ['no siblings', [descriptor, roots, step, with0(openings, { siblings: [] })]],
    ['an opening of the other operand', [descriptor, roots, step, openings.toReversed()]],
    ['an opening too few', [descriptor, roots, step, openings.slice(1)]],
    ['an opening too many', [descriptor, roots, step, [...openings, first!]]],
    ['another list length', [descriptor, roots, step, [first!, { ...openings[1]!, listLength: openings[1]!.listLength - 1 }]]],
    ['another weights root', [descriptor, { ...roots, weightsRoot: flip(roots.weightsRoot) }, step, openings]],
    ['an operator that is none', [`0xff${descriptor.slice(4)}`, roots, step, openings]],
    ['the openings of another step', [descriptor, roots, { ...step, index: step.index + 2n }, openings]],
  ];
  test.each(tampered)('reverts on %s', async (_, args) => expect(await ask(args)).toBeUndefined());
});
