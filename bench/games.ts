/**
 * Random games of real models on the real contracts: the long form of test/simulation/real-games.test.ts.
 *
 *   npm run test:games -- --seed S --games 200 [mnist squeezenet …]
 *
 * Exits with 1, and names the seed of the one game to play again, if an honest side loses, is refused a move or is not paid.
 */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startArena } from '../test/simulation/arena.js';
import { playRealGames } from '../test/simulation/real-games.js';
import { MODEL_NAMES } from '../test/simulation/real-models.js';

const { values, positionals } = parseArgs({ allowPositionals: true, options: { seed: { type: 'string' }, games: { type: 'string', default: '200' } } });
const seed = Number(values.seed ?? Math.floor(Math.random() * 1e9));
const models = MODEL_NAMES.filter((name) => positionals.length === 0 || positionals.includes(name));
console.log(`seed ${seed}: ${values.games} games of ${models.join(', ')}`);
const started = performance.now();
const arena = await startArena(join(mkdtempSync(join(tmpdir(), 'assay-games-')), 'anvil.log'));
try {
  const tally = await playRealGames({ arena, seed, games: Number(values.games), models, onGame: (line) => console.log(line) });
  for (const [kind, count] of [...tally.kinds].sort()) console.log(`  ${String(count).padStart(4)} ${kind}`);
  console.log(`seed ${seed}: ${tally.games} games, ${tally.transactions} transactions, every honest side won and was paid, ${((performance.now() - started) / 1000).toFixed(0)} s`);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
} finally {
  await arena.stop();
}
