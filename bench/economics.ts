/**
 * Does cheating pay? Every strategy plays the same jobs at the parameters of a live deployment, under the rules of the contracts
 * (bench/strategies.ts says how).
 *
 *   npm run sim:economics [-- --json] [-- --seed 42] [-- --jobs 100000]
 *
 * Profits are per job in tokens. A false answer is taken to gain its whole insured value if nobody checks it.
 */
import { parseArgs } from 'node:util';
import { liveRules, misfits, rowsOf, simulate } from './strategies.js';

function main(): void {
  const { values } = parseArgs({ options: { json: { type: 'boolean', default: false }, seed: { type: 'string', default: '42' }, jobs: { type: 'string', default: '100000' } } });
  const run = { seed: Number(values.seed), jobs: Number(values.jobs) };
  const strategies = simulate(liveRules(), run);
  const wrong = misfits(strategies);
  const verdict = wrong.length === 0 ? 'as it should be: what is honest pays, what is not does not' : `NOT AS IT SHOULD BE: ${wrong.join(', ')}`;
  console.log(values.json ? JSON.stringify({ ...run, strategies, ok: wrong.length === 0, wrong }, null, 2) : [`seed ${run.seed}, ${run.jobs} jobs; expected profit per job in tokens`, ...rowsOf(strategies), verdict].join('\n'));
  if (wrong.length > 0) process.exitCode = 1;
}

main();
