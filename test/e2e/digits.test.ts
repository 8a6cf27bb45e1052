import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { compileModel, PROFILES } from '#core/onnx';
import { PROJECT_ROOT } from '#testing';
import { readDigits } from '../../apps/cli/samples.js';
import { startWorld, type World } from './world.js';

const COUNT = 1_000;
const IN_FLIGHT = 16;
/** WHY little: what an executor insures at a time is bounded by its stake, and these come faster than batches become final. */
const INSURED = 10n ** 16n;

let world: World;
beforeAll(async () => {
  world = await startWorld();
}, 120_000);
afterAll(() => world?.end(), 60_000);

/** ONNX Runtime by itself on the canonical file, single-threaded, nothing of ours around it. */
async function plainRuntime(onnx: Uint8Array) {
  const session = await InferenceSession.create(onnx, { graphOptimizationLevel: 'disabled', intraOpNumThreads: 1, interOpNumThreads: 1 });
  return async (pixels: Float32Array, dims: readonly number[]): Promise<Uint8Array> => {
    const outputs = await session.run({ [session.inputNames[0]!]: new OrtTensor('float32', pixels, dims) });
    const { data } = outputs[session.outputNames[0]!]!;
    return new Uint8Array((data as Float32Array).slice().buffer);
  };
}

it(`${COUNT} digits come back byte for byte as ONNX Runtime alone computes them`, async () => {
  const file = readFileSync(join(PROJECT_ROOT, 'models/mnist/model.onnx'));
  const model = compileModel(file);
  const { modelId } = await world.assay.register({ name: 'mnist', file });
  expect(modelId).toBe(model.manifest.modelId);
  expect(PROFILES.has(model.manifest.profile)).toBe(true);
  const plain = await plainRuntime(model.onnx);
  const digits = readDigits(COUNT);
  const executors = new Map<string, number>();
  let right = 0;
  const started = Date.now();
  const next = digits.entries();
  const worker = async () => {
    for (const [i, { tensor, label }] of next) {
      const { outputs, executor } = await world.assay.submit({ model: modelId, inputs: [tensor], insuredValue: INSURED });
      const expected = await plain(new Float32Array(tensor.data.slice().buffer), tensor.dims);
      expect(Buffer.from(outputs[0]!.data).equals(Buffer.from(expected)), `digit ${i}`).toBe(true);
      const scores = new Float32Array(expected.buffer);
      if (scores.indexOf(Math.max(...scores)) === label) right++;
      executors.set(executor, (executors.get(executor) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
  const seconds = (Date.now() - started) / 1000;
  console.log(`${COUNT} digits in ${seconds.toFixed(1)} s, accuracy ${((100 * right) / COUNT).toFixed(1)} %, by executor ${[...executors.values()].join(' + ')}`);
  expect(right / COUNT).toBeGreaterThan(0.97);
  expect(executors.size).toBe(2);
}, 300_000);
