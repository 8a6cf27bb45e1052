import { readdirSync } from 'node:fs';
import { elementCount, elementWord, type Dtype } from '#core/hashing';
import { operatorByCode, statesOf, type Operator } from '#core/numerics';
import { seededRandom, type Random } from '#testing';
import type { Case, CaseGenerator } from './case.js';
import type { Judge } from './judge.js';
import { runSingleNode } from './runtime.js';
import { kindOf, type ValueKind } from './values.js';
import { Witness, type JudgeArguments } from './witness.js';

/** Elements looked at in one case. */
const PER_CASE = 40;
/** Of one element in each case the contract judges the whole chain, if it is no longer than this. */
const WHOLE_CHAIN = 40;
/** Mismatches told in words. */
const TOLD = 5;

/** What a comparison of one operator in TypeScript, Solidity and ONNX Runtime came to. */
export interface Agreement {
  readonly operator: string;
  readonly cases: number;
  /** Output elements compared. */
  readonly elements: number;
  /** Of those, the ones that read or give a value of each special kind. */
  readonly kinds: Readonly<Partial<Record<ValueKind, number>>>;
  /** Micro-steps that the contract judged: of every element the last one and another, of one in each case all. */
  readonly steps: number;
  readonly wrong: number;
  readonly mismatches: readonly string[];
  /** Gas of the judged micro-steps, calldata not included, in ascending order. */
  readonly gas: readonly number[];
  readonly dtypes: readonly Dtype[];
  /** ONNX nodes that computed it. */
  readonly nodes: readonly string[];
}

export interface Comparison {
  readonly operator: Operator;
  readonly generate: CaseGenerator;
  readonly judge: Judge;
  readonly seed: number;
  readonly elements: number;
}

interface Question {
  readonly subject: Case;
  readonly args: JudgeArguments;
  readonly expected: bigint;
}

interface Tally {
  cases: number;
  elements: number;
  readonly kinds: Map<ValueKind, number>;
  readonly mismatches: string[];
  readonly gas: number[];
  readonly dtypes: Set<Dtype>;
  readonly nodes: Set<string>;
}

/** Compares at least `elements` output elements of one operator, three ways. */
export async function compareOperator({ operator, generate, judge, seed, elements }: Comparison): Promise<Agreement> {
  const random = seededRandom(seed + operator.code);
  const tally: Tally = { cases: 0, elements: 0, kinds: new Map(), mismatches: [], gas: [], dtypes: new Set(), nodes: new Set() };
  while (tally.elements < elements) {
    const subject = generate(random);
    noteForm(tally, subject);
    await compareWithContract(tally, { judge, questions: await compareWithRuntime(tally, random, subject) });
  }
  const { mismatches, kinds, dtypes, nodes, gas, ...counts } = tally;
  return {
    operator: operator.name,
    ...counts,
    kinds: Object.fromEntries(kinds),
    steps: gas.length,
    wrong: mismatches.length,
    mismatches: mismatches.slice(0, TOLD).map((text) => `${text} (seed ${seed})`),
    gas: gas.sort((a, b) => a - b),
    dtypes: [...dtypes].sort(),
    nodes: [...nodes].sort(),
  };
}

/** Generators by operator name: every file in cases/ exports `cases`. */
export async function loadGenerators(): Promise<Map<string, CaseGenerator>> {
  const files = readdirSync(new URL('./cases/', import.meta.url)).filter((file) => /^[\w-]+\.[jt]s$/.test(file));
  const modules = await Promise.all(files.map((file) => import(/* @vite-ignore */ new URL(`./cases/${file}`, import.meta.url).href) as Promise<{ cases: Record<string, CaseGenerator> }>));
  return new Map(modules.flatMap(({ cases }) => Object.entries(cases)));
}

function noteForm(tally: Tally, { descriptor, node }: Case): void {
  tally.cases++;
  for (const { dtype } of [...descriptor.operands, descriptor.output]) tally.dtypes.add(dtype);
  tally.nodes.add(node.domain ? `${node.domain}.${node.opType}` : node.opType);
}

/** Compares sampled elements with ONNX Runtime; what the contract is to be asked about them. */
async function compareWithRuntime(tally: Tally, random: Random, subject: Case): Promise<Question[]> {
  const { descriptor } = subject;
  const output = await runSingleNode(subject.node);
  const elements = sample(random, elementCount(descriptor.output.dims));
  const witness = new Witness(subject);
  const whole = elements.length > 0 ? random.pick(elements) : undefined;
  return elements.flatMap((element) => {
    const states = statesOf(descriptor, element, (slot, at) => elementWord(subject.tensors[slot]!, at));
    const theirs = output.dims.join() === descriptor.output.dims.join() ? elementWord(output, element) : undefined;
    if (states.at(-1) !== theirs) tally.mismatches.push(`${describeCase(subject)}: element ${element} is ${hex(states.at(-1)!)} in TypeScript, ${theirs === undefined ? `of shape [${output.dims}]` : hex(theirs)} in ONNX Runtime`);
    tally.elements++;
    const steps = stepsOf(random, states.length, element === whole);
    noteKinds(tally, subject, { element, steps, states });
    return steps.map((step) => ({ subject, args: witness.judgeArguments({ element, step }, states[step - 1] ?? 0n), expected: states[step]! }));
  });
}

function sample(random: Random, count: number): number[] {
  return count <= PER_CASE ? Array.from({ length: count }, (_, i) => i) : Array.from({ length: PER_CASE }, () => random.between(0, count));
}

/** The last micro-step and one anywhere; of a short chain all, if wanted. */
function stepsOf(random: Random, count: number, all: boolean): number[] {
  if (all && count <= WHOLE_CHAIN) return Array.from({ length: count }, (_, i) => i);
  return [...new Set([random.between(0, count), count - 1])];
}

interface Looked {
  readonly element: number;
  readonly steps: readonly number[];
  readonly states: readonly bigint[];
}

function noteKinds(tally: Tally, { descriptor, tensors }: Case, { element, steps, states }: Looked): void {
  const operator = operatorByCode(descriptor.op);
  const read = steps.flatMap((step) => operator.operands(descriptor, { element, step }, states[step - 1] ?? 0n));
  const before = new Set(read.map((one) => kindOf(elementWord(tensors[one.slot]!, one.element), tensors[one.slot]!.dtype)));
  const after = kindOf(states.at(-1)!, descriptor.output.dtype);
  const overflow = after === 'infinity' && !before.has('infinity');
  for (const kind of new Set<ValueKind | undefined>([...before, after, overflow ? 'overflow' : undefined])) if (kind) tally.kinds.set(kind, (tally.kinds.get(kind) ?? 0) + 1);
}

async function compareWithContract(tally: Tally, { judge, questions }: { judge: Judge; questions: readonly Question[] }): Promise<void> {
  const answers = await judge.ask(questions.map(({ args }) => args));
  answers.forEach((answer, i) => {
    const { subject, args, expected } = questions[i]!;
    const [, , step] = args;
    if (answer) tally.gas.push(answer.gas);
    if (answer?.state === expected && answer.stepCount === step.stepCount) return;
    const said = answer ? `${hex(answer.state)} of ${answer.stepCount} steps` : 'a revert';
    tally.mismatches.push(`${describeCase(subject)}: element ${step.element}, step ${step.index} of ${step.stepCount}: ${hex(expected)} in TypeScript, ${said} in Solidity`);
  });
}

const hex = (word: bigint): string => `0x${word.toString(16).padStart(16, '0')}`;

function describeCase({ descriptor }: Case): string {
  const shapes = descriptor.operands.map(({ dims, dtype }) => `${dtype}[${dims}]`).join(', ');
  return `${operatorByCode(descriptor.op).name}(${shapes}) attributes [${descriptor.attributes}]`;
}
