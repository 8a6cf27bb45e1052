import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { elementCount, elementWord, type Tensor } from '#core/hashing';
import { OPERATORS, operatorByCode, type Operator } from '#core/numerics';
import { lyingTrace, statesFlippedFrom, toyTrace, type ToyPlan } from '#core/trace';
import { PROJECT_ROOT, seededRandom, type Random } from '#testing';
import { loadGenerators } from '../differential/agreement.js';
import type { Case } from '../differential/case.js';
import { startArena, type Arena } from './arena.js';
import { playOnChain } from './chain-match.js';
import { flipped } from './liars.js';
import { playModel } from './model-games.js';
import { honestPlayer } from './players.js';

const SEED = Number(process.env['ASSAY_SEED'] ?? 20_261_121);
/** Elements of the cases that are played: larger ones only cost time. */
const MOST_ELEMENTS = 3_000;

const generators = await loadGenerators();
let arena: Arena;
beforeAll(async () => {
  arena = await startArena(join(mkdtempSync(join(tmpdir(), 'assay-model-games-')), 'anvil.log'));
}, 60_000);
afterAll(() => arena?.stop());

// The short form of `npm run test:models`.
describe(`a lie at random nodes of a model loses on the real contracts (ASSAY_SEED=${SEED})`, () => {
  it.each(['mnist', 'fraud'])('%s', async (name) => {
    const file = readFileSync(join(PROJECT_ROOT, 'models', name, 'model.onnx'));
    const campaign = await playModel(arena, { file, nodes: 3, random: seededRandom(SEED) });
    expect(campaign.losses).toEqual([]);
    expect(campaign.beyond).toEqual([]);
    expect(campaign).toMatchObject({ games: 3, won: 3 });
  }, 120_000);
});

// Every operator of the registry, found by itself: one without a step on the real contracts cannot be proved.
describe(`a lie in every operator loses on the real contracts (ASSAY_SEED=${SEED})`, () => {
  it.each(OPERATORS.map((operator) => ({ operator, name: operator.name })))('$name', async ({ operator, name }) => {
    expect(generators.has(name), `no file in test/differential/cases makes up cases for ${name}`).toBe(true);
    const random = seededRandom(SEED + operator.code);
    const plan = planOf(smallCase(operator, random));
    const honest = toyTrace(plan);
    const lie = lieIn(plan, honest.values[0]!, random);
    const player = honestPlayer(random, 0);
    const { winner, refused, moves } = await playOnChain({ arena, random, honest, executor: { player, trace: lie }, challenger: { player, trace: honest } });
    expect({ winner, refused, last: moves.at(-1)?.kind }).toEqual({ winner: 'challenger', refused: [], last: 'prove' });
  }, 60_000);
});

function smallCase({ name }: Operator, random: Random): Case {
  for (let attempt = 0; attempt < 200; attempt++) {
    const made = generators.get(name)!(random);
    const sizes = [made.descriptor.output, ...made.tensors].map(({ dims }) => elementCount(dims));
    if (sizes[0]! > 0 && sizes.every((size) => size <= MOST_ELEMENTS)) return made;
  }
  throw new Error(`no case of ${name} is small (seed ${SEED})`);
}

/** A model that is the one node: constants as initializers, everything else as inputs. */
function planOf({ descriptor, tensors }: Case): ToyPlan {
  const inputs: Tensor[] = [];
  const initializers: Tensor[] = [];
  const operands = descriptor.operands.map((operand, slot) => {
    const kind = operand.kind === 'initializer' ? ('initializer' as const) : ('input' as const);
    const list = kind === 'input' ? inputs : initializers;
    return { ...operand, kind, index: list.push(tensors[slot]!) - 1 };
  });
  return { inputs, initializers, values: [{ ...descriptor, operands }], outputs: [{ kind: 'value', index: 0, ...descriptor.output }], operatorOf: (code) => operatorByCode(code) };
}

/** A run that gives other bytes, defended by chains that are false from a random micro-step on. */
function lieIn(plan: ToyPlan, honest: Tensor, random: Random) {
  const told = flipped(random, honest);
  const trace = toyTrace(plan, () => told);
  const statesOf = (_: number, element: number, states: readonly bigint[]): readonly bigint[] => statesFlippedFrom(states, random.between(0, states.length), elementWord(told, element));
  return lyingTrace(trace, { statesOf });
}
