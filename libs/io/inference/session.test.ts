import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { elementCount, type Tensor } from '#core/hashing';
import { compileModel, withInitializers, type CanonicalModel } from '#core/onnx';
import { describeMismatch, openSession, openTested, selfTest, traceFrom, type InferenceSession } from './index.js';

const model: CanonicalModel = compileModel(readFileSync(new URL('../../../models/mnist/model.onnx', import.meta.url)));
const header = model.manifest.signature.inputs[0]!;
const input: Tensor = { ...header, data: new Uint8Array(Float32Array.from({ length: elementCount(header.dims) }, (_, i) => (i * 37) % 256).buffer) };

/** The tensor with the lowest bit of one float changed. */
function nudged(tensor: Tensor, element: number): Tensor {
  const data = tensor.data.slice();
  data[4 * element]! ^= 1;
  return { ...tensor, data };
}

describe.each(['calling', 'own'] as const)('a session on the %s thread', (thread) => {
  let session: InferenceSession;
  beforeAll(async () => void (session = await openSession(model, { thread })));
  afterAll(() => session.close());

  it('runs several jobs at once, each to the same bytes', async () => {
    const answers = await Promise.all(Array.from({ length: 8 }, () => session.run([input])));
    for (const answer of answers) expect(answer).toEqual(answers[0]);
    expect(answers[0]![0]).toMatchObject({ dtype: 'float32', dims: [1, 10] });
  });

  it('traces every value, the last being the output', async () => {
    const values = await session.trace([input]);
    expect(values.map(({ dims }) => dims)).toEqual(model.manifest.descriptors.slice(0, -1).map(({ output }) => output.dims));
    expect(values.at(-1)).toEqual((await session.run([input]))[0]);
  });

  it('does not use up the caller’s tensors, however they lie in memory', async () => {
    const odd = new Uint8Array(input.data.length + 3);
    odd.set(input.data, 3);
    const shifted = { ...input, data: odd.subarray(3) };
    expect(await session.run([shifted])).toEqual(await session.run([input]));
    expect(shifted.data).toEqual(input.data);
  });

  it.each([
    ['TENSOR_COUNT_MISMATCH', []],
    ['TENSOR_SHAPE_MISMATCH', [{ ...input, dims: [1, 1, 784] }]],
    ['TENSOR_DTYPE_MISMATCH', [{ ...input, dtype: 'int32' as const }]],
    ['TENSOR_DATA_MISMATCH', [{ ...input, data: input.data.subarray(4) }]],
  ])('refuses other inputs: %s', async (code, inputs) => {
    await expect(session.run(inputs)).rejects.toMatchObject({ code });
  });
});

it('a closed session on its own thread refuses work', async () => {
  const session = await openSession(model, { thread: 'own' });
  await session.close();
  await expect(session.run([input])).rejects.toMatchObject({ code: 'EXECUTION_FAILED' });
});

it('recomputes the rest of a trace around a changed value', async () => {
  const session = await openSession(model);
  const values = await session.trace([input]);
  for (const fromValue of values.keys()) {
    expect(await traceFrom(model, { inputs: [input], values, fromValue })).toEqual(values);
  }
  const lie = values.with(1, nudged(values[1]!, 100));
  const told = await traceFrom(model, { inputs: [input], values: lie, fromValue: 1 });
  expect(told.slice(0, 2)).toEqual(lie.slice(0, 2));
  expect(told).toHaveLength(values.length);
  await session.close();
});

describe('tampered weights', () => {
  const tampered = withInitializers(model, new Map([[0, { ...model.initializers[0]!, data: model.initializers[0]!.data.map((b) => b ^ 1) }]]));

  it('give other values under the manifest of the original', async () => {
    const [honest, lying] = await Promise.all([openSession(model), openSession(tampered)]);
    expect(tampered.manifest).toBe(model.manifest);
    expect(await lying.trace([input])).not.toEqual(await honest.trace([input]));
    await Promise.all([honest.close(), lying.close()]);
  });

  it('are what a self-test would see of a machine that computes otherwise', async () => {
    const session = await openSession(tampered);
    const verdict = await selfTest([{ ...session, model }], { seed: 1 });
    await session.close();
    expect(verdict.ok).toBe(false);
    const first = verdict.mismatches.find(({ value }) => value === 0)!;
    expect(first).toMatchObject({ operator: 'Conv', value: 0, name: 'Conv_0', dims: [1, 8, 28, 28], modelId: model.manifest.modelId });
    expect(first.expected).not.toBe(first.got);
    expect(first.place.reduce((at, index, axis) => at * first.dims[axis]! + index, 0)).toBe(first.element);
    expect(describeMismatch(first)).toMatch(/^Conv \(Conv_0\) by (com\.microsoft\.nchwc\.Conv in blocks of (8|16)|Conv): element \[0,\d+,\d+,\d+\] of \[1,8,28,28\] is 0x[0-9a-f]{8} instead of 0x[0-9a-f]{8}$/);
  });
});

it('opens a canonical file only as tested', async () => {
  const opened = await openTested(model.onnx, { seed: 1 });
  expect(opened.modelId).toBe(model.manifest.modelId);
  await opened.close();
  await expect(openTested(model.onnx.subarray(1), { seed: 1 })).rejects.toMatchObject({ code: 'MODEL_UNPARSABLE' });
});
