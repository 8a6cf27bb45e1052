/**
 * Games on a chain that reorganises under them: the long form of test/recourse/reorgs.test.ts.
 *
 *   npm run test:reorgs -- --seed S --rounds 10 [--games 8] [--reorgs 12]
 *
 * A round is a chain of its own with `games` games at once. Exits with 1, and names the seed of the one round to play again, if an
 * honest side loses, is not paid, or the contracts' money does not add up.
 */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { playThroughReorgs } from '../test/recourse/reorgs.js';

const { values } = parseArgs({
  options: { seed: { type: 'string' }, rounds: { type: 'string', default: '10' }, games: { type: 'string', default: '8' }, reorgs: { type: 'string', default: '12' } },
});
const first = Number(values.seed ?? Math.floor(Math.random() * 1e9));
const rounds = Number(values.rounds);
const sum = { games: 0, reorgs: 0, undone: 0, moves: 0 };
const kinds: Record<string, number> = {};
try {
  for (let seed = first; seed < first + rounds; seed++) {
    const logFile = join(mkdtempSync(join(tmpdir(), 'assay-reorgs-')), 'anvil.log');
    const tally = await playThroughReorgs({ logFile, seed, games: Number(values.games), reorgs: Number(values.reorgs) });
    for (const key of ['games', 'reorgs', 'undone', 'moves'] as const) sum[key] += tally[key];
    for (const [kind, count] of Object.entries(tally.undoneEvents)) kinds[kind] = (kinds[kind] ?? 0) + count;
    console.log(`seed ${seed}: ${tally.games} games won by the honest side and paid, ${tally.reorgs} reorganisations, ${tally.undone} transactions undone`);
  }
  console.log(`seed ${first}: ${sum.games} games, ${sum.moves} moves, ${sum.reorgs} reorganisations of up to 64 blocks, ${sum.undone} transactions undone`, kinds);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
