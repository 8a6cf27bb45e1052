import { DTYPES, elementCount, elementWord, type Tensor } from '#core/hashing';
import { evaluateElement, operatorByCode, type Descriptor } from '#core/numerics';
import { probe, sample, seeded } from './probes.js';
import type { InferenceSession } from './session.js';

export interface Mismatch {
  readonly modelId: string;
  readonly operator: string;
  /** Value index, its readable name, and the element in it. */
  readonly value: number;
  readonly name: string;
  readonly element: number;
  /** Element words in hexadecimal: by the reference, and by this machine's runtime. */
  readonly expected: string;
  readonly got: string;
}

export interface SelfTestVerdict {
  readonly ok: boolean;
  /** At most the first 32. */
  readonly mismatches: readonly Mismatch[];
  readonly elements: number;
}

export interface SelfTestOptions {
  readonly seed: number;
  /** Elements compared of each value and probe. */
  readonly elementsPerValue?: number;
}

const MAX_MISMATCHES = 32;

/**
 * Runs every loaded model on an ordinary and a hostile probe and compares sampled elements of every value with the
 * reference, and every element of a run's outputs with those of the trace: a run joins operators into kernels whose
 * insides a trace lays open. A machine that differs must not work under the profile.
 */
export async function selfTest(sessions: readonly InferenceSession[], { seed, elementsPerValue = 6 }: SelfTestOptions): Promise<SelfTestVerdict> {
  const mismatches: Mismatch[] = [];
  let elements = 0;
  for (const session of sessions) {
    const random = seeded(seed);
    for (const hostile of [false, true]) {
      const inputs = session.model.manifest.signature.inputs.map((input) => probe(input, random, hostile));
      const run = { session, inputs, values: await session.trace(inputs) };
      mismatches.push(...compareOutputs(run, await session.run(inputs)));
      for (let value = 0; value < run.values.length && mismatches.length < MAX_MISMATCHES; value++) {
        const chosen = sample(elementCount(run.values[value]!.dims), elementsPerValue, random);
        elements += chosen.length;
        mismatches.push(...compareValue(run, value, chosen));
        // The reference is slow; let the process answer messages in between.
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
  }
  return { ok: mismatches.length === 0, mismatches: mismatches.slice(0, MAX_MISMATCHES), elements };
}

interface ProbeRun {
  readonly session: InferenceSession;
  readonly inputs: readonly Tensor[];
  readonly values: readonly Tensor[];
}

function compareValue({ session: { model }, inputs, values }: ProbeRun, value: number, elements: readonly number[]): Mismatch[] {
  const descriptor = model.manifest.descriptors[value]!;
  const read = operandReader(descriptor, { inputs, values, initializers: model.initializers });
  return elements.flatMap((element) => {
    const expected = evaluateElement(descriptor, element, read);
    const got = elementWord(values[value]!, element);
    if (expected === got) return [];
    const operator = operatorByCode(descriptor.op).name;
    return [{ modelId: model.manifest.modelId, operator, value, name: model.valueNames[value]!, element, expected: hex(expected), got: hex(got) }];
  });
}

/** The first element of each output that differs between a run and the trace. */
function compareOutputs({ session: { model }, values }: ProbeRun, outputs: readonly Tensor[]): Mismatch[] {
  return model.graph.outputs.flatMap(({ name, value }, i) => {
    const [traced, ran] = [values[value]!, outputs[i]!];
    const byte = ran.data.findIndex((got, at) => got !== traced.data[at]);
    if (byte < 0) return [];
    const element = Math.floor(byte / DTYPES[ran.dtype].size);
    const [expected, got] = [traced, ran].map((tensor) => hex(elementWord(tensor, element))) as [string, string];
    const operator = operatorByCode(model.manifest.descriptors[value]!.op).name;
    return [{ modelId: model.manifest.modelId, operator, value, name: `${model.valueNames[value]} (${name}, run as a whole)`, element, expected, got }];
  });
}

/** Reads operand elements of a descriptor from a run. */
export function operandReader(descriptor: Descriptor, run: { inputs: readonly Tensor[]; values: readonly Tensor[]; initializers: readonly Tensor[] }): (slot: number, element: number) => bigint {
  const sources = { input: run.inputs, value: run.values, initializer: run.initializers };
  const tensors = descriptor.operands.map(({ kind, index }) => sources[kind][index]!);
  return (slot, element) => elementWord(tensors[slot]!, element);
}

function hex(word: bigint): string {
  return `0x${word.toString(16).padStart(8, '0')}`;
}
