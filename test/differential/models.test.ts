import { afterAll, beforeAll, expect, test } from 'vitest';
import { elementCount, elementWord, mixInLength } from '#core/hashing';
import { encodeDescriptor, operatorByCode } from '#core/numerics';
import type { Trace } from '#core/trace';
import { seededRandom, type Random } from '#testing';
import { KnownTrace } from '../../libs/core/dispute/knowledge.js';
import { operandOpenings } from '../../libs/core/dispute/openings.js';
import { honestTrace, openModel, randomPicture } from '../simulation/real-models.js';
import { Judge } from './judge.js';
import type { JudgeArguments } from './witness.js';

const SEED = Number(process.env['ASSAY_DIFFERENTIAL_SEED'] ?? 20_261_121);
const ELEMENTS_PER_VALUE = Number(process.env['ASSAY_MODEL_ELEMENTS'] ?? 3);
/** Micro-steps per element that the contract judges, the last one among them. */
const STEPS = 3;
/** What the final move may cost in all (docs/protocol.md); the game's own part comes on top of the step. */
const MOST_GAS = 65_000;

let judge: Judge;
beforeAll(async () => {
  judge = await Judge.start();
});
afterAll(() => judge?.stop());

interface Question {
  readonly value: number;
  readonly args: JudgeArguments;
  readonly expected: bigint;
}

test.each(['mnist', 'squeezenet', 'fraud', 'go1-policy', 'stories260K'] as const)('%s: the runtime, the reference and the contract agree at every node', async (name) => {
  const random = seededRandom(SEED);
  const session = await openModel(name);
  const trace = await honestTrace(session, randomPicture(session, random));
  await session.close();

  const questions = trace.values.flatMap((_, value) => askAbout(random, trace, value));
  const answers = await judge.ask(questions.map(({ args }) => args));

  const most = new Map<string, number>();
  answers.forEach((answer, i) => {
    const { value, args, expected } = questions[i]!;
    expect(answer?.state, `value ${value}, element ${args[2].element}, step ${args[2].index} (seed ${SEED})`).toBe(expected);
    const operator = operatorByCode(trace.model.descriptors[value]!.op).name;
    most.set(operator, Math.max(most.get(operator) ?? 0, answer!.gas));
  });
  console.log(`${name}: ${questions.length} micro-steps at ${trace.values.length} nodes (seed ${SEED}); most gas of one: ${[...most].map(([operator, gas]) => `${operator} ${gas}`).join(', ')}`);
  expect(Math.max(...most.values())).toBeLessThan(MOST_GAS);
}, 120_000);

/** Compares elements of a value with the reference, and picks micro-steps of them for the contract. */
function askAbout(random: Random, trace: Trace, value: number): Question[] {
  const tensor = trace.values[value]!;
  return Array.from({ length: ELEMENTS_PER_VALUE }, () => random.between(0, elementCount(tensor.dims))).flatMap((element) => {
    const states = trace.statesOf(value, element);
    expect(states.at(-1), `value ${value}, element ${element} (seed ${SEED})`).toBe(elementWord(tensor, element));
    const steps = new Set([states.length - 1, ...Array.from({ length: STEPS - 1 }, () => random.between(0, states.length))]);
    return [...steps].map((step) => ({ value, args: judgeArguments(trace, value, { element, step }), expected: states[step]! }));
  });
}

function judgeArguments(trace: Trace, value: number, at: { element: number; step: number }): JudgeArguments {
  const roots = {
    traceRoot: trace.traceTree().root,
    valueCount: trace.model.valueCount,
    inputRoot: mixInLength(trace.inputsTree().root, trace.inputs.length),
    weightsRoot: trace.model.weightsRoot,
  };
  const states = trace.statesOf(value, at.element);
  const step = { element: BigInt(at.element), stepCount: trace.stepCount(value), index: BigInt(at.step), state: at.step === 0 ? 0n : states[at.step - 1]! };
  const known = new KnownTrace(trace.traceTree(), []);
  return [encodeDescriptor(trace.model.descriptors[value]!), roots, step, operandOpenings({ trace, known }, value, { ...at, state: step.state })];
}
