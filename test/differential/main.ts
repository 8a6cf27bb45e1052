/**
 * Do TypeScript, Solidity and ONNX Runtime compute the same bits? Every operator of the registry on random shapes and
 * values, special ones among them; ends with 1 if any element differs.
 *
 *   npm run test:differential [-- --seed 20261121] [-- --samples 100000] [-- --json] [-- --snapshot]
 *
 * --snapshot records the gas of micro-steps in contracts/snapshots/StepGas.json.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { OPERATORS } from '#core/numerics';
import { compareOperator, loadGenerators, type Agreement } from './agreement.js';
import { Judge } from './judge.js';
import { STEP_GAS_FILE, stepGasOf } from './step-gas.js';

const { values: options } = parseArgs({
  options: { seed: { type: 'string', default: '20261121' }, samples: { type: 'string', default: '100000' }, json: { type: 'boolean', default: false }, snapshot: { type: 'boolean', default: false } },
});
const [seed, samples] = [Number(options.seed), Number(options.samples)];
if (!Number.isSafeInteger(seed) || !Number.isSafeInteger(samples) || samples < 1) throw new RangeError('--seed and --samples are whole numbers');

const started = performance.now();
const agreements = await compareAll();
if (options.snapshot) writeFileSync(STEP_GAS_FILE, `${JSON.stringify(Object.fromEntries(agreements.map((one) => [one.operator, stepGasOf(one)])), null, 2)}\n`);
report(agreements);
if (agreements.some(({ wrong }) => wrong > 0)) process.exitCode = 1;

async function compareAll(): Promise<Agreement[]> {
  const generators = await loadGenerators();
  const judge = await Judge.start();
  try {
    const done: Agreement[] = [];
    for (const operator of OPERATORS) {
      const generate = generators.get(operator.name);
      if (!generate) throw new Error(`no file in test/differential/cases makes up cases for ${operator.name}`);
      done.push(await compareOperator({ operator, generate, judge, seed, elements: Math.ceil(samples / OPERATORS.length) }));
      if (!options.json) console.log(lineOf(done.at(-1)!));
    }
    return done;
  } finally {
    await judge.stop();
  }
}

function lineOf(one: Agreement): string {
  const { min, median, max } = stepGasOf(one);
  const gas = `gas ${min} / ${median} / ${max}`;
  return [one.operator.padEnd(16), `${one.cases} cases`.padStart(10), `${one.elements} elements`.padStart(15), `${one.steps} steps`.padStart(13), gas.padStart(28), `${one.wrong} wrong`.padStart(9)].join('');
}

function report(all: readonly Agreement[]): void {
  const sum = (count: (one: Agreement) => number): number => all.reduce((total, one) => total + count(one), 0);
  const kinds: Record<string, number> = {};
  for (const [kind, count] of all.flatMap((one) => Object.entries(one.kinds))) kinds[kind] = (kinds[kind] ?? 0) + count;
  const totals = { seed, operators: all.length, cases: sum((o) => o.cases), elements: sum((o) => o.elements), steps: sum((o) => o.steps), wrong: sum((o) => o.wrong), kinds, seconds: Math.round((performance.now() - started) / 1000) };
  const rows = all.map(({ gas: _, ...one }, i) => ({ ...one, gas: stepGasOf(all[i]!) }));
  if (options.json) return void console.log(JSON.stringify({ ...totals, rows }, null, 2));
  for (const text of all.flatMap(({ mismatches }) => mismatches)) console.log(text);
  console.log(`elements that read or give ${Object.entries(kinds).map(([kind, count]) => `${kind} ${count}`).join(', ')}`);
  console.log(`${totals.elements} elements of ${totals.operators} operators in ${totals.cases} cases, ${totals.steps} micro-steps judged by the contract, seed ${seed}, ${totals.seconds} s`);
  console.log(`${totals.wrong} wrong`);
}
