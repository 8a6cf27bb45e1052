import { simulate, type SimulationResult } from './simulation.js';

/**
 * Whole networks in this process, one for each seed: fake time, links, chain and database, the same coordinator, executor, challenger and player.
 *
 *   npm run test:network -- [--seeds 1000] [--seed S] [--seconds N] [--json]
 *
 * Stops early after `--seconds`. A failing seed is named; `--seed S --seeds 1` plays it again, the same every time.
 */
const number = (name: string, otherwise: number) => (process.argv.includes(name) ? Number(process.argv[process.argv.indexOf(name) + 1]) : otherwise);
const first = number('--seed', 1);
const count = number('--seeds', 1_000);
const limit = number('--seconds', Infinity);
const began = process.hrtime.bigint();
const elapsed = () => Number(process.hrtime.bigint() - began) / 1e9;

const sums = { jobs: 0, strikes: 0, lies: 0, liesDrawn: 0, games: 0, virtualSeconds: 0 };
const failed: SimulationResult[] = [];
let seeds = 0;
for (; seeds < count && elapsed() < limit; seeds++) {
  const result = await simulate(first + seeds);
  sums.jobs += result.jobs;
  sums.strikes += result.strikes;
  sums.lies += result.lies;
  sums.liesDrawn += result.liesDrawn;
  sums.games += result.games;
  sums.virtualSeconds += result.seconds;
  if (process.argv.includes('--verbose')) process.stderr.write(`${JSON.stringify(result)}\n`);
  if (result.faults.length === 0) continue;
  failed.push(result);
  process.stderr.write(`seed ${result.seed}: ${result.faults.join('; ')}\n`);
}
console.log(JSON.stringify({ first, seeds, failed: failed.map(({ seed }) => seed), ...sums, seconds: Math.round(elapsed()) }));
process.exit(failed.length > 0 ? 1 : 0);
