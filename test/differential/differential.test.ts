import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { OPERATORS } from '#core/numerics';
import { compareOperator, loadGenerators } from './agreement.js';
import { Judge } from './judge.js';
import { STEP_GAS_FILE, stepGasOf, type StepGas } from './step-gas.js';

// The short form of `npm run test:differential`; ASSAY_DIFFERENTIAL_SEED repeats a run.
const SEED = Number(process.env['ASSAY_DIFFERENTIAL_SEED'] ?? 20_261_121);
const ELEMENTS = Number(process.env['ASSAY_DIFFERENTIAL_ELEMENTS'] ?? 10_000);
const PER_OPERATOR = Math.ceil(ELEMENTS / OPERATORS.length);

const generators = await loadGenerators();
const snapshot = JSON.parse(readFileSync(STEP_GAS_FILE, 'utf8')) as Record<string, StepGas>;
let judge: Judge;

beforeAll(async () => {
  console.log(`seed ${SEED}`);
  judge = await Judge.start();
});
afterAll(() => judge?.stop());

describe('TypeScript, ONNX Runtime and Solidity agree on', () => {
  test.each(OPERATORS.map((operator) => ({ operator, name: operator.name })))('$name', async ({ operator, name }) => {
    const generate = generators.get(name);
    expect(generate, `no file in cases/ makes up cases for ${name}`).toBeDefined();
    const agreement = await compareOperator({ operator, generate: generate!, judge, seed: SEED, elements: PER_OPERATOR });
    expect(agreement.mismatches).toEqual([]);
    expect(agreement.elements).toBeGreaterThanOrEqual(PER_OPERATOR);
    expect(agreement.steps).toBeGreaterThanOrEqual(agreement.elements);

    const recorded = snapshot[name];
    expect(recorded, `${STEP_GAS_FILE} has no ${name}: npm run test:differential -- --snapshot`).toBeDefined();
    const { median } = stepGasOf(agreement);
    const stale = `median gas of ${name} is ${median}, recorded ${recorded!.min} to ${recorded!.max}: npm run test:differential -- --snapshot`;
    expect(median >= recorded!.min && median <= recorded!.max, stale).toBe(true);
  }, 120_000);

  test('nothing else: no case, no gas without an operator', () => {
    const names = OPERATORS.map(({ name }) => name).sort();
    expect([...generators.keys()].sort()).toEqual(names);
    expect(Object.keys(snapshot).sort()).toEqual(names);
  });
});
