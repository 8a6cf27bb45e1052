import { expect, it } from 'vitest';
import { compileModel } from '#core/onnx';
import { openSession } from '#io/inference';
import { seededRandom } from '#testing';
import { floats, sourceModel } from './building.js';

// What ONNX Runtime computes by the machine's own library is composed of operators here: held to the true values over the whole range.
const COUNT = 200_000;
const SEED = 20261121;

interface Subject {
  readonly op: string;
  readonly opset?: number;
  readonly value: (x: number) => number;
  /** Any float between these magnitudes, of both signs unless only positive ones have a value. */
  readonly range: readonly [number, number];
  readonly positive?: boolean;
  /** Allowed error in steps of float32 at the true value, but never less than `absolute`. */
  readonly steps: number;
  readonly absolute?: number;
}

const SUBJECTS: readonly Subject[] = [
  { op: 'Log', value: Math.log, range: [2 ** -149, (2 - 2 ** -23) * 2 ** 127], positive: true, steps: 4 },
  { op: 'Softplus', value: (x) => (x > 0 ? x + Math.log1p(Math.exp(-x)) : Math.log1p(Math.exp(x))), range: [2 ** -30, 80], steps: 4 },
  { op: 'Softsign', value: (x) => x / (1 + Math.abs(x)), range: [2 ** -120, 2 ** 100], steps: 2 },
  { op: 'Mish', opset: 18, value: (x) => x * Math.tanh(x > 30 ? x : Math.log1p(Math.exp(x))), range: [2 ** -30, 60], steps: 5 },
  { op: 'Sigmoid', value: (x) => 1 / (1 + Math.exp(-x)), range: [2 ** -30, 80], steps: 0, absolute: 3e-7 },
  { op: 'Tanh', value: Math.tanh, range: [2 ** -30, 80], steps: 0, absolute: 3e-7 },
  { op: 'Elu', value: (x) => (x < 0 ? Math.expm1(x) : x), range: [2 ** -30, 80], steps: 1, absolute: 1.2e-7 },
];

it.each(SUBJECTS)('$op', async ({ op, opset = 17, value, range, positive = false, steps, absolute = 0 }) => {
  const random = seededRandom(SEED);
  const [low, high] = range.map(Math.log) as [number, number];
  const inputs = Float32Array.from({ length: COUNT }, () => Math.exp(low + random.next() * (high - low)) * (positive || random.next() < 0.5 ? 1 : -1));
  const model = compileModel(sourceModel({ opset, inputs: { x: [COUNT] }, nodes: [{ op, inputs: ['x'], output: 'y' }], outputs: { y: [COUNT] } }));
  const session = await openSession(model);
  const [result] = await session.run([{ dtype: 'float32', dims: [COUNT], data: new Uint8Array(inputs.buffer) }]);
  await session.close();

  const worst = { steps: 0, stepsAt: 0, absolute: 0, absoluteAt: 0 };
  floats(result!).forEach((got, i) => {
    const wanted = value(inputs[i]!);
    const error = Math.abs(got - wanted);
    if (error / stepAt(wanted) > worst.steps) [worst.steps, worst.stepsAt] = [error / stepAt(wanted), inputs[i]!];
    if (error > worst.absolute) [worst.absolute, worst.absoluteAt] = [error, inputs[i]!];
    if (!(error <= Math.max(steps * stepAt(wanted), absolute))) expect.fail(`${op}(${inputs[i]}) is ${got}, not ${wanted}: ${error / stepAt(wanted)} steps (seed ${SEED})`);
  });
  console.log(`${op}: at most ${worst.steps.toFixed(2)} steps of float32 off (at ${worst.stepsAt}), at most ${worst.absolute.toExponential(1)} (at ${worst.absoluteAt}), seed ${SEED}`);
});

/** Distance of neighbouring floats around a value. */
function stepAt(value: number): number {
  return 2 ** (Math.max(Math.floor(Math.log2(Math.abs(value))), -126) - 23);
}

it('Log at the ends of its range', async () => {
  const inputs = Float32Array.of(0, -0, 1, Infinity, -1, NaN, 2 ** -149, 2 ** -126);
  const model = compileModel(sourceModel({ inputs: { x: [8] }, nodes: [{ op: 'Log', inputs: ['x'], output: 'y' }], outputs: { y: [8] } }));
  const session = await openSession(model);
  const [result] = await session.run([{ dtype: 'float32', dims: [8], data: new Uint8Array(inputs.buffer) }]);
  await session.close();
  const [zero, negativeZero, one, infinite, negative, nan, least, leastNormal] = floats(result!);
  expect([zero, negativeZero, one, infinite, negative, nan]).toEqual([-Infinity, -Infinity, 0, Infinity, NaN, NaN]);
  expect([least, leastNormal]).toEqual([Math.fround(Math.log(2 ** -149)), Math.fround(Math.log(2 ** -126))]);
});
