import { DTYPES, elementCount, elementWord, type Tensor } from '#core/hashing';
import { operatorByCode, type Descriptor } from '#core/numerics';
import { lyingTrace } from '#core/trace';
import { outputsAmong, rootOf, traceOf, type Run, type RunContext } from '../execution/run.js';
import { SeededChoice } from './seeded.js';
import { withWord } from './words.js';
import { MAX_ATTEMPTS, placeOf, recomputed, showsIn, wordsOf, wrongOutputRun } from './wrong-values.js';

/** Bits of a state worth flipping: high ones of the running block, then of the running total. */
const FLIPS = [55n, 54n, 23n, 22n];

interface FalseChain {
  readonly value: number;
  readonly element: number;
  readonly step: number;
  readonly states: readonly bigint[];
  readonly honest: bigint;
}

/** One accumulator wrong after step k, everything after it, in that sum and beyond, computed from the wrong one. */
export async function wrongPartialSumRun(context: RunContext): Promise<Run> {
  const { session, inputs } = context;
  const choice = new SeededChoice(context.jobId);
  const honest = await session.trace(inputs);
  const sums = session.model.manifest.descriptors.slice(0, -1).flatMap((d, i) => (isSum(d) ? [i] : []));
  for (let attempt = 0; attempt < MAX_ATTEMPTS && sums.length > 0; attempt++) {
    const chain = falseChain(context, honest, { value: choice.of(sums), choice });
    if (!chain) continue;
    const { value, element, states } = chain;
    const values = await recomputed(context, honest, { value, tensor: withWord(honest[value]!, element, states.at(-1)!) });
    if (showsIn(context, honest, values)) return runOf(context, values, chain);
  }
  return wrongOutputRun(context);
}

function runOf(context: RunContext, values: readonly Tensor[], { value, element, step, states, honest }: FalseChain): Run {
  const outputs = outputsAmong(context.session.model, values);
  const outputRoot = rootOf(outputs);
  const lie = { kind: 'partial sum', ...placeOf(context, value), element, step, ...wordsOf(honest, states.at(-1)!) };
  const statesOf = (v: number, e: number, computed: readonly bigint[]) => (v === value && e === element ? states : computed);
  return { outputs, outputRoot, lie, trace: async () => lyingTrace(traceOf(context, { values, outputRoot }), { statesOf }) };
}

function isSum(d: Descriptor): boolean {
  const operator = operatorByCode(d.op);
  return d.output.dtype === 'float32' && /Conv|MatMul|Gemm/.test(operator.name) && operator.steps(d) > 1;
}

/** The element's states with a flipped bit after one step and the operator's own arithmetic from there; undefined if the end hides it. */
function falseChain({ session: { model }, inputs }: RunContext, honest: readonly Tensor[], { value, choice }: { value: number; choice: SeededChoice }): FalseChain | undefined {
  const d = model.manifest.descriptors[value]!;
  const operator = operatorByCode(d.op);
  const element = choice.below(elementCount(d.output.dims));
  const sources = { input: inputs, initializer: model.initializers, value: honest };
  const word = (slot: number, index: number) => elementWord(sources[d.operands[slot]!.kind][d.operands[slot]!.index]!, index);
  const read = (step: number, state: bigint) => operator.operands(d, { element, step }, state).map((o) => word(o.slot, o.element));
  const apply = (step: number, state: bigint) => operator.apply(d, { element, step }, state, read(step, state));
  const count = operator.steps(d);
  const step = tellingStep(choice, count, (k) => read(k, 0n));
  let before = 0n;
  for (let i = 0; i <= step; i++) before = apply(i, before);
  const truth = elementWord(honest[value]!, element);
  for (const bit of FLIPS) {
    const tail = [before ^ (1n << bit)];
    for (let i = step + 1; i < count; i++) tail.push(apply(i, tail.at(-1)!));
    if (tail.at(-1) !== truth && tail.at(-1)! >> BigInt(8 * DTYPES[d.output.dtype].size) === 0n) return { value, element, step, honest: truth, states: [...honestStates(step, apply), ...tail] };
  }
  return undefined;
}

/** A step before the last, if some tries find one a product of two numbers other than zero, which makes the better story. */
function tellingStep(choice: SeededChoice, count: number, read: (step: number) => bigint[]): number {
  for (let attempt = 0; ; attempt++) {
    const step = choice.below(count - 1);
    const operands = read(step);
    if (attempt === MAX_ATTEMPTS || (operands.length === 2 && operands.every((word) => word !== 0n))) return step;
  }
}

/** The states before `step`, exclusive: steps 0 … step − 1. */
function honestStates(step: number, apply: (step: number, state: bigint) => bigint): bigint[] {
  const states: bigint[] = [];
  for (let i = 0; i < step; i++) states.push(apply(i, states.at(-1) ?? 0n));
  return states;
}
