import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { elementCount, elementWord } from '#core/hashing';
import { evaluateElement, OPERATORS, operatorByCode, statesOf, type ReadElement } from '#core/numerics';
import { seededRandom, type Random } from '#testing';
import type { Case, CaseGenerator } from './case.js';
import { Judge } from './judge.js';
import { runSingleNode } from './runtime.js';
import { Witness, type JudgeArguments } from './witness.js';

// ASSAY_DIFFERENTIAL_ELEMENTS elements in all, compared between TypeScript and ONNX Runtime; ASSAY_DIFFERENTIAL_SEED repeats a run.
const SEED = Number(process.env['ASSAY_DIFFERENTIAL_SEED'] ?? 20_261_121);
const ELEMENTS = Number(process.env['ASSAY_DIFFERENTIAL_ELEMENTS'] ?? 20_000);
const PER_OPERATOR = Math.ceil(ELEMENTS / OPERATORS.length);
const PER_CASE = 40;
/** Micro-steps per case that the contract judges. */
const STEPS_PER_CASE = 3;

const generators = await loadGenerators();
const gas = new Map<string, { calls: number; sum: number; most: number }>();
let judge: Judge;

beforeAll(async () => {
  console.log(`seed ${SEED}`);
  judge = await Judge.start();
});
afterAll(async () => {
  console.table(Object.fromEntries([...gas].map(([name, { calls, sum, most }]) => [name, { steps: calls, 'mean gas': Math.round(sum / calls), 'most gas': most }])));
  await judge?.stop();
});

describe('TypeScript, ONNX Runtime and Solidity agree on', () => {
  test.each(OPERATORS.map(({ name, code }) => ({ name, code })))('$name', async ({ name, code }) => {
    const generate = generators.get(name);
    expect(generate, `no file in cases/ makes up cases for ${name}`).toBeDefined();
    const random = seededRandom(SEED + code);
    const questions: Question[] = [];
    let compared = 0;
    while (compared < PER_OPERATOR) {
      const subject = generate!(random);
      const elements = sample(random, elementCount(subject.descriptor.output.dims));
      await compareWithRuntime(subject, elements);
      questions.push(...askAbout(random, subject, elements));
      compared += elements.length;
    }
    await compareWithContract(name, questions);
  }, 120_000);
});

/** Every file in cases/ exports `cases`: generators by operator name. */
async function loadGenerators(): Promise<Map<string, CaseGenerator>> {
  const files = readdirSync(new URL('./cases/', import.meta.url)).filter((file) => file.endsWith('.ts'));
  const modules = await Promise.all(files.map((file) => import(/* @vite-ignore */ new URL(`./cases/${file}`, import.meta.url).href) as Promise<{ cases: Record<string, CaseGenerator> }>));
  return new Map(modules.flatMap(({ cases }) => Object.entries(cases)));
}

function sample(random: Random, count: number): number[] {
  return count <= PER_CASE ? Array.from({ length: count }, (_, i) => i) : Array.from({ length: PER_CASE }, () => random.between(0, count));
}

const reader = ({ tensors }: Case): ReadElement => (slot, element) => elementWord(tensors[slot]!, element);

async function compareWithRuntime(subject: Case, elements: readonly number[]): Promise<void> {
  const output = await runSingleNode(subject.node);
  expect(output.dims).toEqual(subject.descriptor.output.dims);
  for (const element of elements) {
    const [ours, theirs] = [evaluateElement(subject.descriptor, element, reader(subject)), elementWord(output, element)];
    if (ours !== theirs) expect.fail(`${describeCase(subject)}: element ${element} is ${hex(ours)} in TypeScript, ${hex(theirs)} in ONNX Runtime`);
  }
}

interface Question {
  readonly subject: Case;
  readonly args: JudgeArguments;
  readonly expected: bigint;
}

/** A few micro-steps anywhere in the chains of the case's elements, the last one always among them. */
function askAbout(random: Random, subject: Case, elements: readonly number[]): Question[] {
  const witness = new Witness(subject);
  const element = random.pick(elements);
  const states = statesOf(subject.descriptor, element, reader(subject));
  const steps = new Set([states.length - 1, ...Array.from({ length: STEPS_PER_CASE - 1 }, () => random.between(0, states.length))]);
  return [...steps].map((step) => ({
    subject,
    args: witness.judgeArguments({ element, step }, step === 0 ? 0n : states[step - 1]!),
    expected: states[step]!,
  }));
}

async function compareWithContract(name: string, questions: readonly Question[]): Promise<void> {
  const answers = await judge.ask(questions.map(({ args }) => args));
  answers.forEach((answer, i) => {
    const { subject, args, expected } = questions[i]!;
    const at = `${describeCase(subject)}: element ${args[2].element}, step ${args[2].index} of ${args[2].stepCount}`;
    expect(answer, `${at}: judge reverted`).toBeDefined();
    expect(answer!.stepCount, at).toBe(BigInt(operatorByCode(subject.descriptor.op).steps(subject.descriptor)));
    if (answer!.state !== expected) expect.fail(`${at}: state is ${hex(expected)} in TypeScript, ${hex(answer!.state)} in Solidity`);
    const known = gas.get(name) ?? { calls: 0, sum: 0, most: 0 };
    gas.set(name, { calls: known.calls + 1, sum: known.sum + answer!.gas, most: Math.max(known.most, answer!.gas) });
  });
}

const hex = (word: bigint): string => `0x${word.toString(16).padStart(16, '0')}`;

function describeCase({ descriptor }: Case): string {
  const shapes = descriptor.operands.map(({ dims }) => `[${dims}]`).join(', ');
  return `${operatorByCode(descriptor.op).name}(${shapes}) attributes [${descriptor.attributes}] (seed ${SEED})`;
}
