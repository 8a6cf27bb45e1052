import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { elementCount, elementWord, type Tensor } from '#core/hashing';
import { compileModel, graphTreeOf, loadCanonical, modelPreimage, type CanonicalModel } from '#core/onnx';
import { evaluateElement } from '#core/numerics';
import { openSession, selfTest, type InferenceSession } from '#io/inference';
import { imagenetClasses, KITTEN_FILE, MNIST_FILE, photoTensor, readDigits, SQUEEZENET_FILE } from '../../apps/cli/samples.js';
import { floats } from './building.js';
import { argmax, maxDifference, plainRuntime } from './plain-runtime.js';

/** Element numbers that a seed draws, with the first and the last. */
function sampled(length: number, count: number, seed: number): number[] {
  const chosen = new Set([0, length - 1]);
  for (let i = 1; chosen.size < Math.min(count, length) && i < 8 * count; i++) chosen.add((Math.imul(i + 24 * seed, 0x9e3779b1) >>> 0) % length);
  return [...chosen];
}

/** Words that differ between the reference and a run, over sampled elements of every value. */
function differences(model: CanonicalModel, { inputs, values }: { inputs: readonly Tensor[]; values: readonly Tensor[] }): string[] {
  const sources = { input: inputs, initializer: model.initializers, value: values };
  return values.flatMap((value, index) => {
    const descriptor = model.manifest.descriptors[index]!;
    const tensors = descriptor.operands.map((operand) => sources[operand.kind][operand.index]!);
    return sampled(elementCount(value.dims), 24, index).flatMap((element) => {
      const expected = evaluateElement(descriptor, element, (slot, at) => elementWord(tensors[slot]!, at));
      const got = elementWord(value, element);
      return expected === got ? [] : [`${model.valueNames[index]}[${element}]: ${expected.toString(16)} against ${got.toString(16)}`];
    });
  });
}

const NETWORKS = [
  {
    name: 'MNIST',
    file: MNIST_FILE,
    modelId: '0x2ca317698e5da58ecfad5f23a4e88534d53cdbcd3849562d39018b4049a4ff8b',
    operators: { Add: 1, Conv: 2, MatMul: 1, MaxPool: 2, Relu: 2, Reshape: 1 },
    input: async () => readDigits(1)[0]!.tensor,
  },
  {
    name: 'SqueezeNet',
    file: SQUEEZENET_FILE,
    modelId: '0xdfa6dd5acb59c5f0dfdafa76486783d7716ee3bc59d26e3efc858d2f61eafd9d',
    operators: { Concat: 8, Conv: 26, Div: 1, Exp: 1, MatMul: 2, MaxPool: 3, Rectify: 25, ReduceMax: 1, Relu: 4, Reshape: 3, Sub: 1 },
    input: () => photoTensor(KITTEN_FILE),
  },
];

describe.each(NETWORKS)('$name', ({ name, file, modelId, operators, input }) => {
  let model: CanonicalModel;
  let session: InferenceSession;
  beforeAll(async () => {
    model = compileModel(readFileSync(file));
    session = await openSession(model);
  });
  afterAll(() => session.close());

  it('compiles to the same bytes and the frozen id every time', () => {
    const again = compileModel(new Uint8Array(readFileSync(file)));
    expect(Buffer.compare(again.onnx, model.onnx)).toBe(0);
    expect(model.manifest.modelId).toBe(modelId);
    expect(model.report.operators).toEqual(operators);
  });

  it('is derived whole from its canonical file', () => {
    const loaded = loadCanonical(model.onnx);
    expect(loaded.manifest).toEqual(model.manifest);
    expect(loaded.valueNames).toEqual(model.valueNames);
    expect(graphTreeOf(loaded.manifest).root).toBe(modelPreimage(model.manifest).graphTree);
  });

  it('computes every value as the reference does', async () => {
    const inputs = [await input()];
    const values = await session.trace(inputs);
    expect(values).toHaveLength(model.manifest.valueCount - 1);
    expect(differences(model, { inputs, values })).toEqual([]);
  });

  it('passes its self-test soon enough', async () => {
    const started = performance.now();
    const verdict = await selfTest([session], { seed: 7 });
    console.log(`${name}: self-test of ${verdict.elements} elements in ${Math.round(performance.now() - started)} ms; ${JSON.stringify(model.report)}`);
    expect(verdict).toMatchObject({ ok: true, mismatches: [] });
  });

  it('gives out in a run what the trace ends with', async () => {
    const inputs = [await input()];
    const [outputs, values] = [await session.run(inputs), await session.trace(inputs)];
    const last = model.manifest.descriptors.at(-1)!.operands.map(({ index }) => values[index]);
    expect(outputs).toEqual(last);
  });
});

it('MNIST in canonical form answers every one of 1,000 digits as the original file does', async () => {
  const bytes = readFileSync(MNIST_FILE);
  const session = await openSession(compileModel(bytes));
  const plain = await plainRuntime(bytes);
  const counts = { right: 0, changed: 0, difference: 0 };
  for (const { tensor, label } of readDigits(1000)) {
    const ours = floats((await session.run([tensor]))[0]!);
    const theirs = (await plain.run([tensor]))[0]!;
    counts.right += Number(argmax(ours) === label);
    counts.changed += Number(argmax(ours) !== argmax(theirs));
    counts.difference = Math.max(counts.difference, maxDifference(ours, theirs));
  }
  await Promise.all([session.close(), plain.close()]);
  console.log(`MNIST: ${counts.right / 10} % of 1,000 digits; largest difference from the original ${counts.difference} on scores of thousands`);
  expect(counts.changed).toBe(0);
  expect(counts.right).toBeGreaterThan(970);
});

it('SqueezeNet in canonical form sees the cat that the original file sees', async () => {
  const bytes = readFileSync(SQUEEZENET_FILE);
  const session = await openSession(compileModel(bytes));
  const plain = await plainRuntime(bytes);
  const photo = await photoTensor(KITTEN_FILE);
  const ours = floats((await session.run([photo]))[0]!);
  const theirs = (await plain.run([photo]))[0]!;
  await Promise.all([session.close(), plain.close()]);
  console.log(`SqueezeNet: ${imagenetClasses()[argmax(ours)]} at ${ours[argmax(ours)]!.toFixed(3)}; largest difference from the original ${maxDifference(ours, theirs)}`);
  expect(imagenetClasses()[argmax(ours)]).toBe('tabby');
  expect(argmax(theirs)).toBe(argmax(ours));
  expect(maxDifference(ours, theirs)).toBeLessThan(1e-5);
});
