import { describe, expect, it } from 'vitest';
import { toyTrace, type ToyPlan, type TraceReader } from '#core/trace';
import { seededRandom } from '#testing';
import { explore, type Explored } from './explorer.js';
import { LIES } from './liars.js';
import { randomTensor } from './toy-plans.js';

const SEED = Number(process.env['ASSAY_SEED'] ?? 33);
const row = { dtype: 'float32' as const, dims: [1, 9] };
const sum = { dtype: 'float32' as const, dims: [1] };

/** Small, with every phase: three values, two chunks, a padding chunk lane and leaf, a sum of nine micro-steps. */
const random = seededRandom(SEED);
const plan: ToyPlan = {
  inputs: [randomTensor(random, row)],
  initializers: [randomTensor(random, row)],
  values: [
    { op: 240, outputIndex: 0, output: row, operands: [{ kind: 'input', index: 0, ...row }, { kind: 'initializer', index: 0, ...row }], attributes: [] },
    { op: 242, outputIndex: 0, output: sum, operands: [{ kind: 'value', index: 0, ...row }], attributes: [] },
    { op: 243, outputIndex: 0, output: sum, operands: [{ kind: 'value', index: 1, ...sum }], attributes: [] },
    { op: 243, outputIndex: 0, output: sum, operands: [{ kind: 'value', index: 2, ...sum }], attributes: [] },
  ],
  outputs: [{ kind: 'value', index: 3, ...sum }],
};
const honest = toyTrace(plan);

const lying = Object.entries(LIES).flatMap(([name, lie]): [string, TraceReader][] => {
  const trace = lie({ plan, honest, random: seededRandom(SEED) });
  return trace && trace.traceTree().root !== honest.traceTree().root ? [[name, trace]] : [];
});

function say(what: string, { states, edges, longest, ends, faults }: Explored): void {
  console.log(`${what}: ${states} states, ${edges} moves, longest game ${longest}, ends`, ends, faults);
}

describe(`every state of small games (ASSAY_SEED=${SEED})`, () => {
  it('an honest executor wins from every one, against every choice, accusation, silence and second', () => {
    const found = explore({ plan, model: honest.model, executor: honest, challenger: honest, honest: 'executor' });
    say('honest executor', found);
    expect(found.ends.challenger).toBe(0);
    expect(found.ends.executor).toBeGreaterThan(0);
  });

  it.each(lying)('%s: an honest challenger wins from every one', (name, trace) => {
    const found = explore({ plan, model: honest.model, executor: trace, challenger: honest, honest: 'challenger' });
    say(`honest challenger, ${name}`, found);
    expect(found.ends.executor).toBe(0);
    expect(found.ends.challenger).toBeGreaterThan(0);
  });

  it.each(lying)('%s: whatever both do, somebody can move or anybody can resolve, never both, and it ends', (name, trace) => {
    const found = explore({ plan, model: honest.model, executor: trace, challenger: honest, honest: undefined });
    say(`nobody honest, ${name}`, found);
    expect(found.ends.executor).toBeGreaterThan(0);
    expect(found.ends.challenger).toBeGreaterThan(0);
    expect(found.longest).toBeLessThan(12);
  });
});
