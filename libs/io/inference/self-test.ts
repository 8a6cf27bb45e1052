import { DTYPES, elementCount, elementWord, type Tensor } from '#core/hashing';
import { evaluateElement, operatorByCode, type Descriptor } from '#core/numerics';
import { kernelsOf, type BlockWidth, type CanonicalModel } from '#core/onnx';
import { blockWidth } from './kernels.js';
import { probe, sample, seeded } from './probes.js';
import type { InferenceSession } from './session.js';

export interface Mismatch {
  readonly modelId: string;
  readonly operator: string;
  /** ONNX Runtime's kernel that computed it here. */
  readonly kernel: string;
  /** Value index, its readable name and shape, the element in it and where that is. */
  readonly value: number;
  readonly name: string;
  readonly dims: readonly number[];
  readonly element: number;
  readonly place: readonly number[];
  /** Element words in hexadecimal: by the reference, and by this machine's runtime. */
  readonly expected: string;
  readonly got: string;
}

/** A mismatch in one sentence, as doctor and a refused model say it. */
export function describeMismatch({ operator, name, kernel, dims, place, expected, got }: Mismatch): string {
  return `${operator} (${name}) by ${kernel}: element [${place}] of [${dims}] is ${got} instead of ${expected}`;
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
  const width = await blockWidth();
  let elements = 0;
  for (const session of sessions) {
    const kernels = kernelNames(session.model, width);
    const random = seeded(seed);
    for (const hostile of [false, true]) {
      const inputs = session.model.manifest.signature.inputs.map((input) => probe(input, random, hostile));
      const run = { session, kernels, inputs, values: await session.trace(inputs) };
      mismatches.push(...compareOutputs(run, await session.run(inputs)));
      for (let value = 0; value < run.values.length && mismatches.length < MAX_MISMATCHES; value++) {
        const chosen = sample(elementCount(run.values[value]!.dims), elementsPerValue, random).sort((a, b) => a - b);
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
  readonly kernels: KernelNames;
  readonly inputs: readonly Tensor[];
  readonly values: readonly Tensor[];
}

function compareValue(run: ProbeRun, value: number, elements: readonly number[]): Mismatch[] {
  const { session: { model }, inputs, values } = run;
  const descriptor = model.manifest.descriptors[value]!;
  const read = operandReader(descriptor, { inputs, values, initializers: model.initializers });
  return elements.flatMap((element) => {
    const expected = evaluateElement(descriptor, element, read);
    const got = elementWord(values[value]!, element);
    if (expected === got) return [];
    return [mismatch(run, { value, of: 'trace', element, expected, got })];
  });
}

/** The first element of each output that differs between a run and the trace. */
function compareOutputs(run: ProbeRun, outputs: readonly Tensor[]): Mismatch[] {
  return run.session.model.graph.outputs.flatMap(({ value }, i) => {
    const [traced, ran] = [run.values[value]!, outputs[i]!];
    const byte = ran.data.findIndex((got, at) => got !== traced.data[at]);
    if (byte < 0) return [];
    const element = Math.floor(byte / DTYPES[ran.dtype].size);
    const [expected, got] = [traced, ran].map((tensor) => elementWord(tensor, element)) as [bigint, bigint];
    return [mismatch(run, { value, of: 'run', element, expected, got })];
  });
}

function mismatch({ session: { model }, kernels }: ProbeRun, { value, of, element, expected, got }: { value: number; of: 'run' | 'trace'; element: number; expected: bigint; got: bigint }): Mismatch {
  const { op, output: { dims } } = model.manifest.descriptors[value]!;
  const name = of === 'trace' ? model.valueNames[value]! : `${model.valueNames[value]}, run as a whole`;
  const where = { kernel: kernels(of)[value]!, value, name, dims, element, place: placeOf(element, dims) };
  return { modelId: model.manifest.modelId, operator: operatorByCode(op).name, ...where, expected: hex(expected), got: hex(got) };
}

type KernelNames = (of: 'run' | 'trace') => readonly string[];

/** Found out when first asked: it takes as long as opening the model, and most machines never ask. */
function kernelNames(model: CanonicalModel, width: BlockWidth): KernelNames {
  const known = new Map<'run' | 'trace', readonly string[]>();
  return (of) => {
    const names = known.get(of) ?? kernelsOf(model, { width, of });
    known.set(of, names);
    return names;
  };
}

/** Index along each axis of an element in row-major order. */
function placeOf(element: number, dims: readonly number[]): number[] {
  let rest = element;
  return dims.toReversed().map((size) => {
    const index = rest % size;
    rest = Math.floor(rest / size);
    return index;
  }).reverse();
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
