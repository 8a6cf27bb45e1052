import { readFileSync } from 'node:fs';
import { keccak256, numberToHex } from 'viem';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { elementWord, tensorRoot, type Root, type Tensor } from '#core/hashing';
import { operatorByCode } from '#core/numerics';
import { compileModel, loadCanonical } from '#core/onnx';
import { chainOfStates, type TraceReader } from '#core/trace';
import { openSession, traceFrom, type InferenceSession } from '#io/inference';
import type { FaultName } from '../config.js';
import { honestRun, rootOf, type Run, type RunContext } from '../execution/run.js';
import { runWithFault } from './index.js';
import { withWord } from './words.js';

let session: InferenceSession;
let honestValues: Tensor[];
let honest: Run;
let inputs: Tensor[];
const jobId = keccak256('0x01');
const context = (id: Root = jobId): RunContext => ({ jobId: id, session, inputs });

beforeAll(async () => {
  const source = readFileSync(new URL('../../../models/mnist/model.onnx', import.meta.url));
  session = await openSession(loadCanonical(compileModel(source).onnx));
  inputs = session.model.manifest.signature.inputs.map(({ dtype, dims }) => digitLike(dtype, dims));
  honestValues = await session.trace(inputs);
  honest = await honestRun(context());
});
afterAll(() => session?.close());

/** A bright square: not a digit, but it moves every layer. */
function digitLike(dtype: Tensor['dtype'], dims: readonly number[]): Tensor {
  const pixels = new Float32Array(dims.reduce((a, b) => a * b, 1)).map((_, i) => (i % 28 > 9 && i % 28 < 18 && i > 200 && i < 560 ? 200 + (i % 50) : 0));
  return { dtype, dims, data: new Uint8Array(pixels.buffer) };
}

/** Places where a trace's own micro-steps do not lead from its own operands to its own elements: value, element. */
function inconsistencies(trace: TraceReader, values: readonly Tensor[], sampled: readonly [number, number][]): string[] {
  const initializers = session.model.initializers;
  return sampled.flatMap(([value, element]) => {
    const d = session.model.manifest.descriptors[value]!;
    const sources = { input: inputs, initializer: initializers, value: values };
    const read = (slot: number, index: number) => elementWord(sources[d.operands[slot]!.kind][d.operands[slot]!.index]!, index);
    const states = chainOfStates(operatorByCode(d.op), d, { element, read });
    const shown = trace.statesOf(value, element);
    const firstWrong = states.findIndex((_, step) => {
      const at = { element, step };
      const operator = operatorByCode(d.op);
      const before = step === 0 ? 0n : shown[step - 1]!;
      return shown[step] !== operator.apply(d, at, before, operator.operands(d, at, before).map((o) => read(o.slot, o.element)));
    });
    return firstWrong < 0 ? [] : [`value ${value} element ${element} step ${firstWrong}`];
  });
}

/** The roots of all values, as the trace shows them. */
const rootsOf = (trace: TraceReader): Root[] => honestValues.map((_, value) => trace.traceTree().node(0, value));

describe('an honest run', () => {
  it('answers what ONNX Runtime gives and opens to the same root', async () => {
    const trace = await honest.trace();
    expect(honest.lie).toBeUndefined();
    expect(trace.traceTree().node(0, session.model.manifest.valueCount - 1)).toBe(honest.outputRoot);
    expect(rootsOf(trace)).toEqual(honestValues.map(tensorRoot));
  });
});

describe.each<FaultName>(['wrong-output', 'silent', 'wrong-intermediate', 'tampered-weights', 'wrong-partial-sum'])('%s', (fault) => {
  it('claims other outputs, which its trace ends in, and tells the same lie again', async () => {
    const run = await runWithFault(fault, context());
    expect(run.outputRoot).not.toBe(honest.outputRoot);
    expect(rootOf(run.outputs)).toBe(run.outputRoot);
    const trace = await run.trace();
    expect(trace.outputRoot).toBe(run.outputRoot);
    expect(trace.traceTree().node(0, session.model.manifest.valueCount - 1)).toBe(run.outputRoot);
    const again = await runWithFault(fault, context());
    expect(again.outputRoot).toBe(run.outputRoot);
    expect(again.lie).toEqual(run.lie);
    expect((await again.trace()).traceTree().root).toBe(trace.traceTree().root);
  });
});

// WHY not the flipped outputs: of MNIST's ten logits only few become the largest by one bit.
it.each<FaultName>(['wrong-intermediate', 'tampered-weights', 'wrong-partial-sum'])('%s chooses another place for another job', async (fault) => {
  const lies = await Promise.all([2, 3, 4, 5].map(async (n) => JSON.stringify((await runWithFault(fault, context(keccak256(numberToHex(n))))).lie)));
  expect(new Set(lies).size).toBeGreaterThan(1);
});

/** First trace leaf that differs from the honest one. */
async function firstDifference(run: Run): Promise<number> {
  const trace = await run.trace();
  return rootsOf(trace).findIndex((root, i) => root !== tensorRoot(honestValues[i]!));
}

describe('where each lie is', () => {
  it('wrong-output: one bit in the last value, everything before it honest', async () => {
    const run = await runWithFault('wrong-output', context());
    const lie = run.lie as { value: number; element: number; bit: number };
    expect(await firstDifference(run)).toBe(lie.value);
    const difference = elementWord(run.outputs[0]!, lie.element) ^ elementWord(honest.outputs[0]!, lie.element);
    expect(difference).toBe(1n << BigInt(lie.bit));
    expect(argmax(run.outputs[0]!)).not.toBe(argmax(honest.outputs[0]!));
    await expectFalseElement(run);
  });

  it('wrong-intermediate: one element in the middle, later values follow from it', async () => {
    const run = await runWithFault('wrong-intermediate', context());
    const lie = run.lie as { value: number; element: number };
    expect(await firstDifference(run)).toBe(lie.value);
    expect(lie.value).toBeLessThan(honestValues.length - 1);
    await expectFalseElement(run);
    const values = await valuesFrom(await session.trace(inputs), run, lie.value);
    const trace = await run.trace();
    const later = sampleAfter(lie.value);
    expect(later.length).toBeGreaterThan(0);
    for (const [value, element] of later) expect(trace.statesOf(value, element).at(-1)).toBe(elementWord(values[value]!, element));
  });

  it('tampered-weights: consistent with the other weights everywhere, not with the model’s', async () => {
    const run = await runWithFault('tampered-weights', context());
    const trace = (await run.trace()) as TraceReader & { values: readonly Tensor[]; initializers: readonly Tensor[] };
    const changed = trace.initializers.flatMap((tensor, i) => (tensorRoot(tensor) === tensorRoot(session.model.initializers[i]!) ? [] : [i]));
    expect(changed).toEqual([(run.lie as { initializer: number }).initializer]);
    for (const [value, element] of sampleAfter(-1)) expect(trace.statesOf(value, element).at(-1)).toBe(elementWord(trace.values[value]!, element));
  });

  it('wrong-partial-sum: right up to step k, wrong after it, by the rules from there, ending in the claimed element', async () => {
    const run = await runWithFault('wrong-partial-sum', context());
    const lie = run.lie as { value: number; element: number; step: number; claimed: string };
    expect(await firstDifference(run)).toBe(lie.value);
    const trace = await run.trace();
    const [shown, true_] = [trace.statesOf(lie.value, lie.element), (await honest.trace()).statesOf(lie.value, lie.element)];
    expect(shown.length).toBe(true_.length);
    expect(shown.slice(0, lie.step)).toEqual(true_.slice(0, lie.step));
    expect(shown[lie.step]).not.toBe(true_[lie.step]);
    expect(shown.at(-1)).toBe(BigInt(lie.claimed));
    expect(inconsistencies(trace, honestValues, [[lie.value, lie.element]])).toEqual([`value ${lie.value} element ${lie.element} step ${lie.step}`]);
  });
});

/** The false element's chain ends in the claimed word and breaks the rules, at one step at least. */
async function expectFalseElement(run: Run): Promise<void> {
  const { value, element, claimed } = run.lie as { value: number; element: number; claimed: string };
  const trace = await run.trace();
  expect(trace.statesOf(value, element).at(-1)).toBe(BigInt(claimed));
  expect(trace.statesOf(value, element)).toEqual(trace.statesOf(value, element));
  expect(inconsistencies(trace, honestValues, [[value, element]])).toHaveLength(1);
}

/** The honest values up to one, that one as the lie has it, and what follows from it. */
async function valuesFrom(values: Tensor[], run: Run, from: number): Promise<Tensor[]> {
  const { element, claimed } = run.lie as { element: number; claimed: string };
  return traceFrom(session.model, { inputs, values: values.map((tensor, i) => (i === from ? withWord(tensor, element, BigInt(claimed)) : tensor)), fromValue: from });
}

/** A few elements of every value after `value`. */
function sampleAfter(value: number): [number, number][] {
  return honestValues.flatMap((tensor, i) => (i <= value ? [] : [0, 7, 11].filter((e) => e < tensor.data.length / 4).map((e): [number, number] => [i, e])));
}

function argmax(tensor: Tensor): number {
  const floats = new Float32Array(new Uint8Array(tensor.data).buffer);
  return floats.indexOf(Math.max(...floats));
}
