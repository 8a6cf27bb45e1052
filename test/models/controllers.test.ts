import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { compileModel, loadCanonical } from '#core/onnx';
import { openSession, selfTest } from '#io/inference';
import { PROJECT_ROOT } from '#testing';
import { floats, noise } from './building.js';
import { argmax, maxDifference, plainRuntime } from './plain-runtime.js';

const NETWORKS = [
  { name: 'fraud', dims: { unk__6: 16 }, operators: { Add: 6, MatMul: 4, Min: 1, Mul: 2, Rectify: 3, Sigmoid: 1 }, tolerance: 1e-7 },
  { name: 'go1-policy', dims: {}, operators: { Gemm: 4, Min: 3, Mul: 4, Sigmoid: 3, Slice: 1, Sub: 1, Tanh: 1 }, tolerance: 2e-6 },
] as const;
const RUNS = 200;

describe.each(NETWORKS)('$name', ({ name, dims, operators, tolerance }) => {
  const bytes = new Uint8Array(readFileSync(join(PROJECT_ROOT, 'models', name, 'model.onnx')));
  const model = compileModel(bytes, { dims });

  it('becomes these operators, and its canonical file itself', () => {
    expect(model.report.operators).toEqual(operators);
    expect(loadCanonical(model.onnx).manifest).toEqual(model.manifest);
  });

  it('passes its self-test, on hostile inputs too', async () => {
    const session = await openSession(model);
    const { mismatches, elements } = await selfTest([session], { seed: 7, elementsPerValue: 24 });
    await session.close();
    expect(mismatches).toEqual([]);
    expect(elements).toBeGreaterThan(100);
  });

  it('answers as the original file does', async () => {
    const [session, plain] = [await openSession(model), await plainRuntime(bytes)];
    let difference = 0;
    for (let run = 0; run < RUNS; run++) {
      const inputs = model.manifest.signature.inputs.map((input) => noise(input.dims, run + 1));
      const [ours, theirs] = [floats((await session.run(inputs))[0]!), (await plain.run(inputs))[0]!];
      expect(argmax(ours)).toBe(argmax(theirs));
      difference = Math.max(difference, maxDifference(ours, theirs));
    }
    await Promise.all([session.close(), plain.close()]);
    console.log(`${name}: ${RUNS} runs, largest difference from the original ${difference}`);
    expect(difference).toBeLessThan(tolerance);
  });
});
