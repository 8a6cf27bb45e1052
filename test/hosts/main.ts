/**
 * Three hosts, a broker cluster over them, links cut and processes killed while jobs are submitted: is any lost, is any paid twice?
 * Needs root and Linux, for the hosts are network namespaces.
 *
 *   npm run test:hosts [-- --seed 7] [-- --rounds 5] [-- --longest 15000] [-- --json]
 */
import { parseArgs } from 'node:util';
import { runTrial, wrongs } from './trial.js';
import { noHosts } from './wire.js';

const { values } = parseArgs({ options: { seed: { type: 'string', default: String(Date.now() % 2 ** 31) }, rounds: { type: 'string', default: '5' }, longest: { type: 'string', default: '15000' }, json: { type: 'boolean', default: false } } });
const [seed, rounds, longestMs] = [values.seed, values.rounds, values.longest].map(Number) as [number, number, number];
if (![seed, rounds, longestMs].every(Number.isSafeInteger) || rounds < 1 || longestMs < 2_001) throw new RangeError('--seed, --rounds and --longest (milliseconds above 2000) are whole numbers');
const reason = noHosts();
if (reason) {
  console.error(`no hosts can be made here: ${reason}`);
  process.exit(69);
}
// WHY: what is left of a test that is stopped goes with its exit.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1));
const outcome = await runTrial({ seed, rounds, longestMs, say: (line) => process.stderr.write(`${line}\n`) });
const wrong = wrongs(outcome);
console.log(JSON.stringify({ ...outcome, wrong }, (_, value: unknown) => (typeof value === 'bigint' ? value.toString() : value), values.json ? 0 : 2));
process.exit(wrong.length === 0 ? 0 : 1);
