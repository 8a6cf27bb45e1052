import { keccak256 } from 'viem';
import { elementCount, elementWord, tensorRoot, type Tensor } from '#core/hashing';
import { lyingTrace, statesFlippedFrom } from '#core/trace';
import { traceFrom } from '#io/inference';
import { outputsAmong, rootOf, traceOf, type Run, type RunContext } from '../execution/run.js';
import { SeededChoice } from './seeded.js';
import { decisiveFlip, otherWord, withWord } from './words.js';

/** Places tried before a lie that the outputs do not show is given up. */
export const MAX_ATTEMPTS = 32;

/** One value of a run, falsified. */
export interface Falsified {
  readonly value: number;
  readonly tensor: Tensor;
}

/** One bit of a final output flipped, everything before it honest. */
export async function wrongOutputRun(context: RunContext): Promise<Run> {
  const { session, inputs } = context;
  const choice = new SeededChoice(context.jobId);
  const values = await session.trace(inputs);
  const value = choice.of(session.model.manifest.descriptors.at(-1)!.operands).index;
  const honest = values[value]!;
  const { element, bit } = decisiveFlip(honest, choice.below(elementCount(honest.dims)));
  const word = elementWord(honest, element) ^ (1n << BigInt(bit));
  const changed = values.map((tensor, i) => (i === value ? withWord(honest, element, word) : tensor));
  return falsifiedRun(context, changed, { kind: 'output', value, element, bit, honest: elementWord(honest, element), claimed: word });
}

/** One element of a value in the middle changed, the rest recomputed from it. */
export async function wrongIntermediateRun(context: RunContext): Promise<Run> {
  const { session, inputs } = context;
  const choice = new SeededChoice(context.jobId);
  const honest = await session.trace(inputs);
  for (let attempt = 0; attempt < MAX_ATTEMPTS && honest.length > 1; attempt++) {
    const value = choice.below(honest.length - 1);
    const element = choice.below(elementCount(honest[value]!.dims));
    const word = otherWord(honest[value]!, element);
    const values = await recomputed(context, honest, { value, tensor: withWord(honest[value]!, element, word) });
    if (!showsIn(context, honest, values)) continue;
    return falsifiedRun(context, values, { kind: 'intermediate', value, element, honest: elementWord(honest[value]!, element), claimed: word });
  }
  return wrongOutputRun(context);
}

/** The run's values with one replaced and all later ones computed from it. */
export function recomputed({ session: { model }, inputs }: RunContext, honest: readonly Tensor[], { value, tensor }: Falsified): Promise<Tensor[]> {
  const values = honest.map((original, i) => (i === value ? tensor : original));
  return traceFrom(model, { inputs, values, fromValue: value });
}

/** True if somebody who only sees the outputs sees a difference. */
export function showsIn({ session: { model } }: RunContext, honest: readonly Tensor[], values: readonly Tensor[]): boolean {
  return outputsAmong(model, honest).some((tensor, i) => tensorRoot(tensor) !== tensorRoot(outputsAmong(model, values)[i]!));
}

interface FalseElement {
  readonly kind: string;
  readonly value: number;
  readonly element: number;
  readonly bit?: number;
  readonly honest: bigint;
  readonly claimed: bigint;
}

/** A run on falsified values. Asked for the false element's partial sums, it shows some that end in the claimed word. */
function falsifiedRun(context: RunContext, values: readonly Tensor[], { honest, claimed, ...lie }: FalseElement): Run {
  const outputs = outputsAmong(context.session.model, values);
  const outputRoot = rootOf(outputs);
  // WHY a choice of its own each time: the same question must get the same answer.
  const firstFalse = (count: number) => new SeededChoice(keccak256(context.jobId)).below(count);
  const statesOf = (value: number, element: number, states: readonly bigint[]) =>
    value === lie.value && element === lie.element ? statesFlippedFrom(states, firstFalse(states.length), claimed) : states;
  return {
    outputs,
    outputRoot,
    lie: { ...lie, ...placeOf(context, lie.value), ...wordsOf(honest, claimed) },
    trace: async () => lyingTrace(traceOf(context, { values, outputRoot }), { statesOf }),
  };
}

export function placeOf({ session: { model } }: RunContext, value: number): { value: number; name: string } {
  return { value, name: model.valueNames[value]! };
}

export function wordsOf(honest: bigint, claimed: bigint): { honest: string; claimed: string } {
  return { honest: `0x${honest.toString(16)}`, claimed: `0x${claimed.toString(16)}` };
}
